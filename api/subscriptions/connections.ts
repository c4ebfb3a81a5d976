/** The clients of a WebSocket API, which a function reaches by the names of their connections. */
export interface Connections {
  /**
   * `gone`: the client has left, nothing reaches it any more.
   * @throws where the message could not be delivered now, though the client may be there
   */
  post(connectionId: string, message: object | string): Promise<'sent' | 'gone'>;
  /** Ends a connection; one that is gone is no error. */
  close(connectionId: string): Promise<void>;
}
