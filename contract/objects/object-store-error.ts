/** Reading or writing an object failed for a reason that lies outside the program: a full disk, missing rights. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';

  /** @param code The system's name of the failure, such as `ENOSPC`; undefined where it gives none. */
  constructor(
    message: string,
    readonly key: string,
    readonly code: string | undefined,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}
