import { type Content, element } from "./s3-xml.ts";

/** Id and display name of the one owner that S3's answers name; there are no S3 accounts here. */
export const ownerId = "simpletuner-cloud";

/** The content of `Owner` and `Initiator`. */
export const ownerContent: Content = [element("ID", ownerId), element("DisplayName", ownerId)];
