import { connect, type Socket } from "node:net";

/** An answer as it came; `status` 0 means that the connection was closed without one. */
export interface FuzzAnswer {
  status: number;
  /** Status line and headers, one byte a character. */
  head: string;
  /** At most {@link keptBytes} of it. */
  body: Buffer;
  isClosed: boolean;
}

const keptBytes = 256 * 1024;

/** A request that got neither answer nor end within this time hangs. */
const patienceMs = 20_000;

/** What {@link FuzzConnection.exchange} sends. */
interface Outgoing {
  head: Buffer;
  body: Buffer;
  isHead: boolean;
  isWhole: boolean;
  expectsContinue: boolean;
  cutAfterBytes: number | null;
}

/** A kept connection that sends one request at a time and opens itself anew when it was closed. */
export class FuzzConnection {
  readonly #port: number;
  #socket: Socket | null = null;
  #received: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Bytes that came although nothing was asked; they are dropped. */
  takeUnasked(): string {
    const unasked = this.#received.toString("latin1", 0, 500);
    if (unasked !== "") this.close();
    return unasked;
  }

  /** Ends the connection at once. */
  close(): void {
    // libuv cannot reset what was half closed: the handle would stay open for good.
    if (this.#socket?.writableEnded === false) this.#socket.resetAndDestroy();
    else this.#socket?.destroy();
    this.#socket = null;
    this.#received = Buffer.alloc(0);
    this.#isEnded = false;
  }

  /** Sends one request and reads its answer. Rejects when nothing comes for 20 seconds, or nobody listens. */
  async exchange(outgoing: Outgoing): Promise<FuzzAnswer> {
    if (this.#isEnded) this.close();
    const socket = (this.#socket ??= await this.#open());
    const { cutAfterBytes } = outgoing;
    if (cutAfterBytes !== null) {
      const bytes = Buffer.concat([outgoing.head, outgoing.body]).subarray(0, cutAfterBytes);
      await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
      this.close();
      return { status: 0, head: "", body: Buffer.alloc(0), isClosed: true };
    }
    socket.cork();
    socket.write(outgoing.head);
    if (!outgoing.expectsContinue) socket.write(outgoing.body);
    socket.uncork();
    // Half closed, so that a server that waits for more learns that nothing comes.
    if (!outgoing.isWhole) socket.end();
    let answer = await this.#readAnswer(outgoing.isHead);
    const isBodySent = !outgoing.expectsContinue || answer.status === 100;
    if (outgoing.expectsContinue && answer.status === 100) socket.write(outgoing.body);
    while (answer.status >= 100 && answer.status < 200 && answer.status !== 101)
      answer = await this.#readAnswer(outgoing.isHead);
    const isLast = !outgoing.isWhole || !isBodySent || /\r\nconnection: *close/i.test(answer.head);
    if (isLast || answer.isClosed || answer.status === 0) this.close();
    return answer;
  }

  async #open(): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port: this.#port, noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    const isCurrent = (): boolean => this.#socket === socket;
    socket.removeAllListeners("error").on("error", () => undefined);
    socket.on("data", (data: Buffer) => {
      if (!isCurrent()) return;
      this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
      this.#wake();
    });
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        if (!isCurrent()) return;
        this.#isEnded = true;
        this.#wake();
      });
    }
    return socket;
  }

  /** Waits for more bytes; false at the end of the connection. */
  async #more(): Promise<boolean> {
    if (this.#isEnded) return false;
    const before = this.#received.length;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      timer = setTimeout(
        () => reject(new Error("the endpoint hangs: nothing came for 20 seconds")),
        patienceMs,
      );
    }).finally(() => clearTimeout(timer));
    this.#wake = () => undefined;
    return this.#received.length > before || !this.#isEnded;
  }

  async #readAnswer(isHead: boolean): Promise<FuzzAnswer> {
    let end = this.#received.indexOf("\r\n\r\n");
    while (end < 0) {
      if (!(await this.#more())) return { status: 0, head: "", body: Buffer.alloc(0), isClosed: true };
      end = this.#received.indexOf("\r\n\r\n");
    }
    const head = this.#received.toString("latin1", 0, end);
    this.#received = this.#received.subarray(end + 4);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const hasBody = !isHead && status >= 200 && status !== 204 && status !== 304;
    if (!hasBody) return { status, head, body: Buffer.alloc(0), isClosed: false };
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, head, ...(await this.#readChunks()) };
    return {
      status,
      head,
      ...(await this.#readBytes(length === undefined ? Number.POSITIVE_INFINITY : Number(length))),
    };
  }

  async #readBytes(length: number): Promise<{ body: Buffer; isClosed: boolean }> {
    const kept: Buffer[] = [];
    let taken = 0;
    for (;;) {
      const piece = this.#received.subarray(0, Math.min(this.#received.length, length - taken));
      this.#received = this.#received.subarray(piece.length);
      if (taken < keptBytes) kept.push(piece);
      taken += piece.length;
      if (taken === length) return { body: Buffer.concat(kept), isClosed: false };
      if (!(await this.#more())) return { body: Buffer.concat(kept), isClosed: true };
    }
  }

  async #readChunks(): Promise<{ body: Buffer; isClosed: boolean }> {
    const kept: Buffer[] = [];
    for (;;) {
      let end = this.#received.indexOf("\r\n");
      while (end < 0) {
        if (!(await this.#more())) return { body: Buffer.concat(kept), isClosed: true };
        end = this.#received.indexOf("\r\n");
      }
      const size = Number.parseInt(this.#received.toString("latin1", 0, end), 16);
      this.#received = this.#received.subarray(end + 2);
      const { body, isClosed } = await this.#readBytes(size + 2);
      if (isClosed || size === 0) return { body: Buffer.concat(kept), isClosed };
      kept.push(body.subarray(0, size));
    }
  }
}
