declare global {
  namespace jest {
    // biome-ignore lint/complexity/noBannedTypes: as in the declaration that this one extends
    interface Matchers<R, T = {}> {
      /** Passes from `low` to `high`, both included; says the number where it does not. */
      toBeWithin(low: number, high: number): R;
    }
  }
}

expect.extend({
  toBeWithin(received: number, low: number, high: number) {
    const pass = received >= low && received <= high;
    return { pass, message: () => `expected ${received} ${pass ? 'not ' : ''}to be within ${low} and ${high}` };
  },
});

export {};
