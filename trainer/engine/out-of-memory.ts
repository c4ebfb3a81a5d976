/** Memory of the portable engine that could not be had: WebAssembly has 4 GiB of addresses at most. */
export class PortableMemoryError extends Error {
  constructor(bytes: number) {
    super(`the portable engine could not take ${bytes} bytes more: WebAssembly has 4 GiB at most`);
    this.name = 'PortableMemoryError';
  }
}

/** Whether an error says that the memory of the device ran out, in the words of either engine or of Node. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof PortableMemoryError) return true;
  // TensorFlow's RESOURCE_EXHAUSTED, and V8's message for a buffer on the host.
  const { message } = error as { message?: unknown };
  return /Invalid TF_Status: 8\b|OOM when allocating|Array buffer allocation failed/.test(String(message));
}
