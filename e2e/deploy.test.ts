import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Ajv } from "ajv";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { Ingress } from "kubernetes-models/networking.k8s.io/v1/Ingress";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { PersistentVolumeClaim } from "kubernetes-models/v1/PersistentVolumeClaim";
import { Service } from "kubernetes-models/v1/Service";
import { parse, parseAllDocuments } from "yaml";
import { readConfig } from "../server/config.ts";
import { environmentVariables } from "../server/environment-variables.ts";
import { outputOf, repository } from "./testing/run-program.ts";

const nginx = process.env["TEST_NGINX"] ?? "";
const deployed = (name: string): Promise<string> => readFile(join(repository, "deploy", name), "utf8");
const known = new Set(environmentVariables.map(({ name }) => name));
const key = Buffer.alloc(32, 7).toString("base64");
/** What operators are asked to fill in. */
const secrets: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: "secret",
  SIMPLETUNER_CREDENTIAL_KEY: key,
  SIMPLETUNER_AUDIT_KEY: key,
  SIMPLETUNER_PUBLIC_URL: "https://train.example.org",
  SIMPLETUNER_DATABASE_URL: "postgres://user:password@host/simpletuner?sslmode=verify-full",
  STATE_BACKEND_URL: "rediss://:password@host:6379/0",
};

/** The server takes the environment, knows each of its names, and drains before it is killed. */
function checkEnvironment(env: Readonly<Record<string, string>>, killedAfterSeconds: number): void {
  assert.deepEqual(
    Object.keys(env).filter((name) => !known.has(name)),
    [],
  );
  const { replicas, database, stateBackend } = readConfig({ ...env });
  assert.equal(replicas.areMany, true);
  assert.deepEqual([database?.kind, stateBackend.kind], ["postgres", "redis"]);
  assert.ok((replicas.drainMs + replicas.stopGraceMs) / 1_000 < killedAfterSeconds);
}

describe("the compose file", () => {
  interface Compose {
    services: Record<
      string,
      { environment?: Record<string, string>; stop_grace_period?: string; volumes?: string[] }
    >;
  }
  it("is one by the schema of the Compose Specification, and a wrong field is found by it", async () => {
    const ajv = new Ajv({ strict: false, formats: { duration: true, subnet_ip_address: true } });
    const schema = await readFile(join(repository, "e2e", "testing", "compose.schema.json"), "utf8");
    // The draft is Ajv's own, under another spelling of its name.
    const { $schema: _, ...rules } = JSON.parse(schema) as Record<string, unknown>;
    const validate = ajv.compile(rules);
    const compose = parse(await deployed("compose.yaml"), { merge: true }) as Compose;
    assert.ok(validate(compose), JSON.stringify(validate.errors));
    const wrong = structuredClone(compose);
    Object.assign(wrong.services["nginx"] ?? {}, { portz: [] });
    assert.equal(validate(wrong), false);
  });

  it("starts three servers that share everything", async () => {
    const text = (await deployed("compose.yaml")).replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
      assert.ok(secrets[name], name);
      return secrets[name] ?? "";
    });
    const { services } = parse(text, { merge: true }) as Compose;
    const servers = Object.keys(services).filter((name) => name.startsWith("server-"));
    const upstreams = [...(await deployed("nginx.conf")).matchAll(/server (server-\d):8001/g)].map(
      ([, name]) => name,
    );
    assert.deepEqual(servers, upstreams);
    assert.equal(servers.length, 3);
    for (const name of servers) {
      const { environment = {}, stop_grace_period, volumes } = services[name] ?? {};
      checkEnvironment(environment, Number.parseInt(stop_grace_period ?? "0", 10));
      assert.deepEqual(volumes, ["state:/state"]);
    }
  });
});

describe("the Kubernetes manifest", () => {
  const kinds = { PersistentVolumeClaim, ConfigMap, Deployment, PodDisruptionBudget, Service, Ingress };
  const documents = async (): Promise<Record<string, unknown>[]> =>
    parseAllDocuments(await deployed("kubernetes.yaml")).map(
      (document) => document.toJS() as Record<string, unknown>,
    );
  const modelOf = (document: Record<string, unknown>): { validate(): void } => {
    const Model = kinds[document["kind"] as keyof typeof kinds];
    assert.equal(document["apiVersion"], Model.apiVersion);
    return new Model(document as never) as unknown as { validate(): void };
  };

  it("is one by the schemas of Kubernetes, and a wrong field is found by them", async () => {
    const found = await documents();
    assert.deepEqual(
      found.map(({ kind }) => kind),
      Object.keys(kinds),
    );
    for (const document of found) modelOf(document).validate();
    const [, , deployment] = structuredClone(found) as [unknown, unknown, { spec: { replicas: unknown } }];
    deployment.spec.replicas = "three";
    assert.throws(() => modelOf(deployment as never).validate(), /replicas/);
  });

  it("starts three servers that share everything, and takes none away before it has drained", async () => {
    const [claim, map, made] = (await documents()) as [
      { spec: { accessModes: string[] } },
      { data: Record<string, string> },
      {
        spec: {
          replicas: number;
          strategy: { rollingUpdate: { maxUnavailable: number } };
          template: {
            spec: {
              terminationGracePeriodSeconds: number;
              containers: {
                readinessProbe: {
                  httpGet: { path: string };
                  periodSeconds: number;
                  failureThreshold: number;
                };
              }[];
            };
          };
        };
      },
    ];
    assert.deepEqual(claim.spec.accessModes, ["ReadWriteMany"]);
    const { replicas, strategy, template } = made.spec;
    assert.deepEqual([replicas, strategy.rollingUpdate.maxUnavailable], [3, 0]);
    const { POSTGRES_PASSWORD: _, ...kept } = secrets;
    checkEnvironment({ ...kept, ...map.data }, template.spec.terminationGracePeriodSeconds);
    const [{ readinessProbe: probe } = assert.fail("no container")] = template.spec.containers;
    assert.equal(probe.httpGet.path, "/api/cloud/health/ready");
    // It is known not to be ready well before it stops answering.
    const drainSeconds = Number(map.data["SIMPLETUNER_DRAIN_SECONDS"]);
    assert.ok(2 * probe.periodSeconds * probe.failureThreshold < drainSeconds);
  });
});

describe("the nginx configuration", { skip: nginx === "" ? "nginx was not found" : false }, () => {
  it("is one by nginx itself, and lets go of connections before a server stops", async () => {
    const text = await deployed("nginx.conf");
    const folder = await mkdtemp(join(tmpdir(), "nginx-test-"));
    try {
      const path = join(folder, "nginx.conf");
      const local = text
        .replaceAll(/server-\d:8001/g, "127.0.0.1:8001")
        .replaceAll("/tmp/nginx", join(folder, "nginx"));
      await writeFile(path, local);
      await outputOf(nginx, ["-t", "-q", "-p", folder, "-c", path]);
      await writeFile(path, local.replace("proxy_buffering off;", "proxy_bufering off;"));
      await assert.rejects(outputOf(nginx, ["-t", "-q", "-p", folder, "-c", path]), /proxy_bufering/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const keptSeconds = Number(/keepalive_timeout (\d+)s/.exec(text)?.[1]);
    const drainSeconds = Number(
      /SIMPLETUNER_DRAIN_SECONDS: "(\d+)"/.exec(await deployed("compose.yaml"))?.[1],
    );
    assert.ok(keptSeconds < drainSeconds, `${keptSeconds} s, ${drainSeconds} s`);
  });
});
