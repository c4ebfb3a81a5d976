import { Field, ObjectType, registerEnumType } from 'type-graphql';
import type { Better, MetricDescription } from '../../../contract/metrics';

export const MetricDirection: Record<Uppercase<Better>, Better> = { HIGHER: 'higher', LOWER: 'lower', NONE: 'none' };
registerEnumType(MetricDirection, {
  name: 'MetricDirection',
  description: 'Which values of a metric are better.',
  valuesConfig: {
    HIGHER: { description: 'Larger ones.' },
    LOWER: { description: 'Smaller ones.' },
    NONE: { description: 'Neither: the metric describes the training.' },
  },
});

@ObjectType({ description: 'What a metric measures.' })
export class Metric implements MetricDescription {
  @Field(() => String, {
    description:
      'Name; in the catalogue also a pattern: `{class}`, `{actual}` and `{predicted}` stand for class labels.',
  })
  name: string;

  @Field(() => String, { description: 'Name for a reader.' })
  title: string;

  @Field(() => String, {
    nullable: true,
    description:
      '`share` (0 to 1), `nats`, `seconds`, `rows` or `examples per second`; null: none, or it depends on the run.',
  })
  unit: MetricDescription['unit'];

  @Field(() => MetricDirection, { description: 'Which values are better.' })
  better: Better;

  @Field(() => String, { nullable: true, description: 'Rows it is measured on: train, quiz, dev or test; null: none.' })
  split: MetricDescription['split'];

  @Field(() => String, { description: 'Whose it is: that of the `model` the run trains, or of its `teacher`.' })
  subject: MetricDescription['subject'];
}
