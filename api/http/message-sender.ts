import type { WebSocket } from 'ws';

/** A client that has not taken a message for so long is cut: nothing more is kept for it. */
const longestStallMilliseconds = 10_000;
/** A client that reads nothing does not answer the close either. */
const closingMilliseconds = 1_000;
/** "Try again later" among the close codes of WebSocket. */
const tryAgainCode = 1013;

/**
 * The JSON of a payload that many clients get. graphql-ws makes the JSON of a message around its payload; for this one
 * it leaves a gap, which the sender fills with bytes that were made once for all.
 */
export class SharedPayload {
  constructor(private readonly json: Buffer) {}

  toJSON(): number {
    gap = this.json;
    return 0;
  }
}

/** Set between the making of a message and its sending, which follow each other at once. */
let gap: Buffer | null = null;
const messageWithGap = '"payload":0}';

/** Sends a client the messages of graphql-ws, with shared payloads filled in, and cuts it where it does not read. */
export class MessageSender {
  private unsent = 0;
  private waitingSince = 0;

  /** @param patience how long a client that is cut has for what waits for it, in milliseconds */
  constructor(
    private readonly client: WebSocket,
    private readonly patience = closingMilliseconds,
  ) {}

  /** Resolves when the message has left this process; also where the client is gone, since then nobody misses it. */
  send(text: string): Promise<void> {
    const message = filled(text);
    return new Promise((resolve) => {
      if (this.client.readyState !== this.client.OPEN) return resolve();
      if (this.unsent === 0) this.waitingSince = performance.now();
      this.unsent += 1;
      this.client.send(message, { binary: false }, () => {
        this.unsent -= 1;
        this.waitingSince = performance.now();
        resolve();
      });
    });
  }

  /** Ends the connection where its client has taken nothing for too long. */
  cutIfStalled(): boolean {
    if (this.unsent === 0 || performance.now() - this.waitingSince < longestStallMilliseconds) return false;
    this.client.close(tryAgainCode, 'messages were not read: connect again, and go on behind the last cursor');
    setTimeout(() => this.client.terminate(), this.patience).unref();
    return true;
  }
}

function filled(message: string): string | Buffer {
  const payload = gap;
  gap = null;
  if (payload === null) return message;
  if (!message.endsWith(messageWithGap)) throw new Error(`a message has no place for its payload: ${message}`);
  const head = message.slice(0, -2);
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(head) + payload.length + 1);
  const start = bytes.write(head);
  payload.copy(bytes, start);
  bytes.write('}', start + payload.length);
  return bytes;
}
