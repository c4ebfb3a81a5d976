import { metricNamespace } from '../../contract/aws';

/**
 * Writes a count for CloudWatch, which makes a metric of such lines in the log of a function (embedded metric format). Raw,
 * since Lambda puts words before what `console` writes.
 */
export function writeMetric(name: string, value: number): void {
  const dimension = 'FunctionName';
  const line = {
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        { Namespace: metricNamespace, Dimensions: [[dimension]], Metrics: [{ Name: name, Unit: 'Count' }] },
      ],
    },
    [dimension]: process.env.AWS_LAMBDA_FUNCTION_NAME ?? 'local',
    [name]: value,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
