import { indexOfLargest, scoreMetrics, scoresOf } from '../../../trainer/evaluation/evaluate';

// 9 rows of 4 classes. Class 2 is predicted and never true, class 3 true and never predicted.
const logits = Float32Array.from(
  [
    [2, 1, 0, -1],
    [0.5, 1.5, -0.5, 0],
    [1, 0, 3, 0.25],
    [0, 2, 1, -2],
    [3, -1, 0.5, 0],
    [0.25, 0.75, 0.5, 0.5],
    [-1, 0, 2, 1],
    [1.5, 1.25, -2, 0],
    [0, 1, 0.5, 0.75],
  ].flat(),
);
const labels = Int32Array.from([0, 1, 0, 1, 3, 0, 1, 0, 3]);

describe('scores of a classifier', () => {
  const scores = scoresOf(logits, labels, 4);

  // From scikit-learn 1.9.1: precision_recall_fscore_support(y, p, labels=[0, 1, 2, 3], average=..., zero_division=0),
  // accuracy_score, confusion_matrix, and log_loss of the softmax in float64.
  it('equal those of scikit-learn, a class without predictions or rows counting 0', () => {
    expect(scores.confusion).toEqual([
      [2, 1, 1, 0],
      [0, 2, 1, 0],
      [0, 0, 0, 0],
      [1, 1, 0, 0],
    ]);
    expect(scores.classes).toEqual([
      { precision: closeTo(0.6666666666666666), recall: 0.5, f1: closeTo(0.5714285714285714) },
      { precision: 0.5, recall: closeTo(0.6666666666666666), f1: closeTo(0.5714285714285714) },
      { precision: 0, recall: 0, f1: 0 },
      { precision: 0, recall: 0, f1: 0 },
    ]);
    expect(scores.values).toEqual({
      loss: closeTo(1.4257934847529135),
      accuracy: closeTo(0.4444444444444444),
      'macro-precision': closeTo(0.29166666666666663),
      'macro-recall': closeTo(0.29166666666666663),
      'macro-f1': closeTo(0.2857142857142857),
      'micro-precision': closeTo(0.4444444444444444),
      'micro-recall': closeTo(0.4444444444444444),
      'micro-f1': closeTo(0.4444444444444444),
    });
  });

  it('of one certain and one undecided row are those worked out by hand', () => {
    // Row 0: softmax(ln 3, 0) = (3/4, 1/4), label 0; row 1: (1/2, 1/2), label 1, where the first of equals is predicted.
    const byHand = scoresOf(Float32Array.from([Math.log(3), 0, 7, 7]), Int32Array.from([0, 1]), 2);

    expect(byHand.values.loss).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 7);
    expect(byHand.values.accuracy).toBe(0.5);
    expect(byHand.classes[0]).toEqual({ precision: 0.5, recall: 1, f1: closeTo(2 / 3) });
  });

  it('have a finite loss at logits whose exponentials overflow', () => {
    expect(scoresOf(Float32Array.from([1000, -1000]), Int32Array.from([1]), 2).values.loss).toBe(2000);
  });

  it('bear the names of the contract, and for a teacher no classes', () => {
    const labelsOfTask = ['Bearish', 'Bullish', 'Neutral', 'None'];

    const student = scoreMetrics('test', scores, labelsOfTask);
    const teacher = scoreMetrics('dev', scores, labelsOfTask, 'teacher/');

    expect(student['test/accuracy']).toBeCloseTo(4 / 9, 12);
    expect(student['test/class/Bullish/recall']).toBeCloseTo(2 / 3, 12);
    expect(student['test/confusion/Bearish/Neutral']).toBe(1);
    expect(Object.keys(student)).toHaveLength(8 + 3 * 4 + 16);
    expect(Object.keys(teacher).sort()[0]).toBe('teacher/dev/accuracy');
    expect(Object.keys(teacher)).toHaveLength(8);
  });

  it('refuse logits that do not fit the labels', () => {
    expect(() => scoresOf(logits, labels.subarray(1), 4)).toThrow('36 logits do not fit 8 labels of 4 classes');
    expect(() => scoresOf(new Float32Array(0), new Int32Array(0), 4)).toThrow(RangeError);
  });

  it('take the first of equal logits', () => {
    expect(indexOfLargest(Float32Array.from([1, 3, 3, 2]))).toBe(1);
  });
});

const closeTo = (value: number) => expect.closeTo(value, 12);
