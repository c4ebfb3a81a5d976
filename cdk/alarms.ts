import { CfnCondition, Duration, Fn, Stack } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Alarm, ComparisonOperator, type IMetric, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type Rule } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { metricNamespace, stuckRunsMetric } from '../contract/aws';
import type { Parameters } from './parameters';
import type { WorkQueue } from './queues';

/** Tells people by e-mail: of what stands still, what fails, and what it costs. */
export class Alarms extends Construct {
  private readonly topic: Topic;

  /** @param budgets whether CloudFormation knows budgets in the region */
  constructor(scope: Construct, id: string, parameters: Parameters, budgets: boolean) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', { enforceSSL: true });
    // A topic policy replaces SNS's default one, which lets the whole account publish: each sender is named here.
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    this.topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com', { conditions: ofThisAccount }));
    this.topic.addSubscription(new EmailSubscription(parameters.alarmEmail));
    if (budgets) this.watchSpending(parameters);
  }

  /** Messages that wait too long, or were set aside. */
  watchQueue(name: string, { queue, deadLetters }: WorkQueue): void {
    const period = Duration.minutes(5);
    this.alarm(`${name} waits`, queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum' }), {
      threshold: Duration.minutes(10).toSeconds(),
      description: 'Live updates or launches are late: see the log of the function that takes from this queue.',
    });
    const setAside = deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum' });
    this.alarm(`${name} set aside`, setAside, {
      threshold: 1,
      description: 'Messages failed again and again: see the dead-letter queue; redrive it when the cause is gone.',
    });
  }

  watchFunction(name: string, watched: IFunction): void {
    const period = Duration.minutes(5);
    this.alarm(`${name} fails`, watched.metricErrors({ period, statistic: 'Sum' }), {
      threshold: 1,
      evaluationPeriods: 3,
      description: 'The function failed in three periods of five minutes: see its log.',
    });
    this.alarm(`${name} throttled`, watched.metricThrottles({ period, statistic: 'Sum' }), {
      threshold: 1,
      evaluationPeriods: 3,
      description: 'The account runs as many functions at a time as it may.',
    });
  }

  /**
   * Without the reconciler, runs that died stay "running" and nothing is launched. The metric is the number
   * of messages it deleted: SQS reports 0 for a polled queue, while Lambda reports nothing for an idle function. A new
   * stack without data points therefore raises no alarm.
   */
  watchHeartbeat({ queue }: WorkQueue): void {
    this.alarm(
      'reconcile rests',
      queue.metricNumberOfMessagesDeleted({ period: Duration.minutes(10), statistic: 'Sum' }),
      {
        threshold: 1,
        evaluationPeriods: 2,
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        description: 'The reconciler has looked at nothing for 20 minutes, which its schedule has it do every minute.',
      },
    );
  }

  /** Runs that get no machine, of which Batch says nothing: as where the account may have none. */
  watchStuckRuns({ functionName }: IFunction): void {
    const metric = new Metric({
      namespace: metricNamespace,
      metricName: stuckRunsMetric,
      dimensionsMap: { FunctionName: functionName },
      period: Duration.minutes(5),
      statistic: 'Maximum',
    });
    this.alarm('runs get no machine', metric, {
      threshold: 1,
      description:
        'Runs wait for a machine and AWS Batch gives no reason: the quota of vCPUs may be 0 (Service Quotas, EC2).',
    });
  }

  /** Runs that are stuck: Batch says that the head of a queue cannot start. */
  tellOf(rule: Rule): void {
    rule.addTarget(new SnsTopic(this.topic));
  }

  private alarm(
    name: string,
    metric: IMetric,
    given: {
      threshold: number;
      description: string;
      evaluationPeriods?: number;
      comparisonOperator?: ComparisonOperator;
      treatMissingData?: TreatMissingData;
    },
  ): void {
    const { description, ...options } = given;
    const alarm = new Alarm(this, name, {
      alarmName: `${Stack.of(this).stackName}: ${name}`,
      alarmDescription: description,
      metric,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...options,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
  }

  /** Of the whole account: a budget of this stack's tags alone would see nothing until they are activated for billing. */
  private watchSpending({ alarmEmail, monthlyBudgetDollars }: Parameters): void {
    const subscribers = [{ subscriptionType: 'EMAIL', address: alarmEmail }];
    const notice = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
      notification: { notificationType, threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
      subscribers,
    });
    const budget = new CfnBudget(this, 'Budget', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyBudgetDollars, unit: 'USD' },
      },
      notificationsWithSubscribers: [notice('ACTUAL', 80), notice('FORECASTED', 100), notice('ACTUAL', 100)],
    });
    budget.cfnOptions.condition = new CfnCondition(this, 'HasBudget', {
      expression: Fn.conditionNot(Fn.conditionEquals(`${monthlyBudgetDollars}`, '0')),
    });
  }
}
