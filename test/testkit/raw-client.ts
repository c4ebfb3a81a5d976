import { connect } from 'node:net';

/** How a client leaves a connection: by an orderly end, a cut, a reset, after the first answer, or when the server ends it. */
export type Leaving = 'end' | 'destroy' | 'reset' | 'answered' | 'wait';

/** Longest wait for a server that need not answer. */
const patienceMilliseconds = 300;
/** Longest wait for an answer that must come. */
const answerMilliseconds = 20_000;

/**
 * Sends parts of bytes over a connection of its own, each in a packet of its own, and leaves.
 * @returns what the server sent, as Latin-1; resolves however the connection ends
 */
export function sendRaw(
  address: string,
  parts: readonly (string | Uint8Array)[],
  leaving: Leaving,
  patience = leaving === 'answered' ? answerMilliseconds : patienceMilliseconds,
): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (leaving === 'answered') socket.destroy();
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(received));
    socket.once('connect', async () => {
      for (const part of parts) {
        if (socket.destroyed) return;
        socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
        await new Promise((sent) => setTimeout(sent, 1));
      }
      if (leaving === 'end') socket.end();
      else if (leaving === 'destroy') socket.destroy();
      else if (leaving === 'reset') socket.resetAndDestroy();
      const end = setTimeout(() => socket.destroy(), patience);
      socket.once('close', () => clearTimeout(end));
    });
  });
}
