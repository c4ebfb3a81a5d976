import betainc from '@stdlib/math-base-special-betainc';
import gammaln from '@stdlib/math-base-special-gammaln';
import normalCdf from '@stdlib/stats-base-dists-normal-cdf';

/** Terms of less weight are left out: what they weigh is a probability. */
const leastWeight = 1e-14;

/**
 * P(T <= t) of Student's t with a noncentrality: what a t statistic follows where the mean is not 0.
 * Algorithm AS 243 (Lenth 1989): Phi(-delta) + 1/2 sum over a of w(a) I_x(a, m / 2), once over a = 1/2, 3/2, ... and once
 * over a = 1, 2, ..., with w(a) = e^-h h^(a - 1/2) / Gamma(a + 1/2), h = delta^2 / 2, x = t^2 / (t^2 + m).
 */
export function noncentralTCdf(t: number, degreesOfFreedom: number, noncentrality: number): number {
  if (t < 0) return 1 - noncentralTCdf(-t, degreesOfFreedom, -noncentrality);
  const h = noncentrality ** 2 / 2;
  const [x, b] = [t ** 2 / (t ** 2 + degreesOfFreedom), degreesOfFreedom / 2];
  if (h === 0) return 0.5 + betainc(x, 0.5, b) / 2;
  const halves = weightedBetas(0.5, h, x, b);
  const wholes = Math.sign(noncentrality) * weightedBetas(1, h, x, b);
  return normalCdf(-noncentrality, 0, 1) + (halves + wholes) / 2;
}

/** Sum of w(a) I_x(a, b) over a = first, first + 1, ...: from the largest weight outwards, each term from the one before. */
function weightedBetas(first: number, h: number, x: number, b: number): number {
  const middle = first + Math.floor(h);
  const weightAtMiddle = Math.exp((middle - 0.5) * Math.log(h) - h - gammaln(middle + 0.5));
  const betaAtMiddle = betainc(x, middle, b);
  // I_x(a, b) - I_x(a + 1, b)
  const stepAtMiddle =
    x === 0
      ? 0
      : Math.exp(middle * Math.log(x) + b * Math.log1p(-x) + gammaln(middle + b) - gammaln(middle + 1) - gammaln(b));
  let sum = 0;
  let [a, weight, beta, step] = [middle, weightAtMiddle, betaAtMiddle, stepAtMiddle];
  while (weight > leastWeight) {
    sum += weight * beta;
    weight *= h / (a + 0.5);
    beta -= step;
    a += 1;
    step *= (x * (a - 1 + b)) / a;
  }
  [a, weight, beta, step] = [middle, weightAtMiddle, betaAtMiddle, stepAtMiddle];
  while (a > first && weight > leastWeight && x > 0) {
    step *= a / (x * (a - 1 + b));
    a -= 1;
    beta += step;
    weight *= (a + 0.5) / h;
    sum += weight * beta;
  }
  return sum;
}
