/**
 * Lets seconds pass for everything that asks what time it is; timers and I/O go on as they are. Call
 * `jest.useRealTimers()` after the test.
 */
export function passSeconds(seconds: number): void {
  jest.useFakeTimers({
    now: Date.now() + seconds * 1000,
    doNotFake: [
      ...(['setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const),
      ...(['nextTick', 'queueMicrotask', 'performance', 'hrtime'] as const),
    ],
  });
}
