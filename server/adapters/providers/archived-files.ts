/** A file of a packaged archive. */
export interface ArchivedFile {
  /** Relative to the archive, `/` between components. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Its bytes, read when they are used; ask for them before the next file. */
  content(): Promise<Blob>;
}
