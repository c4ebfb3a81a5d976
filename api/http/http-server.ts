import { createServer, type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** How long a client may take, and how many may be connected. */
export const usualPatience = {
  /** To send the headers of a request. */
  headersMilliseconds: 20_000,
  /** To send a whole request; the largest body has a megabyte. */
  requestMilliseconds: 60_000,
  /** Between two bytes of a connection, either way. WebSockets have pings of their own. */
  idleMilliseconds: 120_000,
  /** Between two looks for clients that took too long. */
  checkMilliseconds: 5_000,
  connections: 4_000,
};

/** An HTTP server that no client holds for long: a slow one is cut off, and further connections are closed at once. */
export function createHttpServer(answer: RequestListener, patience = usualPatience): Server {
  const server = createServer(
    {
      headersTimeout: patience.headersMilliseconds,
      requestTimeout: patience.requestMilliseconds,
      connectionsCheckingInterval: patience.checkMilliseconds,
    },
    answer,
  );
  server.timeout = patience.idleMilliseconds;
  server.maxConnections = patience.connections;
  return server;
}

/**
 * Keeps a socket that left HTTP from ending the process. Node.js takes its own error listener away before `upgrade`, and
 * an `error` event without a listener is thrown: a reset by the client would be an uncaught exception.
 */
export function survivesErrors(socket: Duplex): void {
  socket.on('error', () => socket.destroy());
}

/** Answers an upgrade with a status, and closes. The client need not close its own half: the server's sockets allow that. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
