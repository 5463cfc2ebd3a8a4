import { testDatabaseKinds } from "../testing/test-database.ts";
import { databaseConformance } from "./conformance.ts";

for (const kind of testDatabaseKinds) databaseConformance(kind);
