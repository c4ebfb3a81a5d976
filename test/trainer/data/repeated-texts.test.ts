import { repeatedTextsNotes } from '../../../trainer/data/repeated-texts';

const raw = {
  train: { texts: ['Up 1.5%', 'down', 'flat', 'up 15', 'DOWN'] },
  test: { texts: ['down', 'up 15%', 'new'] },
};
const cleaned = {
  train: { texts: ['up 15', 'down', 'flat', 'up 15', 'down'] },
  test: { texts: ['down', 'up 15', 'new'] },
};
const splits = (train: number[], dev: number[]) => ({ train: Int32Array.from(train), dev: Int32Array.from(dev) });

describe('a note on repeated texts', () => {
  it('counts dev and test rows with the text of a train row, and those that cleaning made equal', () => {
    expect(repeatedTextsNotes(cleaned, raw, splits([0, 1, 2], [3, 4]))).toEqual([
      '2 of 2 dev rows (2 of them only after cleaning) and 2 of 3 test rows (1 of them only after cleaning) have the text of a train row: their scores may rest on what was learnt by heart',
    ]);
  });

  it('is left out where no text of a train row occurs, whatever other rows of the train file say', () => {
    expect(repeatedTextsNotes(cleaned, raw, splits([2], [0]))).toEqual([]);
  });
});
