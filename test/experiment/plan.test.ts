import { planLines } from '../../experiment/plan';

test('a plan is a line a method and one for the whole; what is unknown is called so', () => {
  const of = (method: string, seconds: number | null) => ({ method, seconds, runs: 5, epochs: 100, basis: 'reasons' });
  const plan = {
    runs: 10,
    seconds: 7260,
    cost: 1.5,
    slots: 2,
    wallClockSeconds: 3700,
    notes: ['read this'],
    methods: [of('kd', 30), of('meta-lora', null)],
  };
  expect(planLines(plan)).toEqual([
    'kd: 5 runs, 100 epochs, 30 s (reasons)',
    'meta-lora: 5 runs, 100 epochs, time unknown (reasons)',
    'in all: 10 runs, 2 h 1 min, 1.50 USD',
    'wall clock: 1 h 2 min with 2 runs at a time',
    'note: read this',
  ]);
});
