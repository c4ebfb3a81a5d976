import { Arg, Args, ArgsType, Ctx, Field, Int, ObjectType, Query, Resolver, registerEnumType } from 'type-graphql';
import type { Column } from '../../../contract/parquet';
import type { ApiContext } from '../../context/context';
import { type ExportPage as ExportPageData, exportPage } from '../../exports/export.service';
import type { TextFormat } from '../../exports/formats';
import { limits } from '../../shared/limits';
import { RunFilterInput } from '../runs/run.input';

export const ExportFormat = { CSV: 'csv', JSON_LINES: 'jsonl' } as const;
registerEnumType(ExportFormat, {
  name: 'ExportFormat',
  description: 'How rows are written. `npm run export` makes a Parquet file of JSON lines.',
  valuesConfig: {
    CSV: {
      description:
        'Comma-separated, with a header on the first page. A text that a spreadsheet would take for a formula, or that begins with an apostrophe, has an apostrophe before it.',
    },
    JSON_LINES: { description: 'One JSON object a line.' },
  },
});

export const ColumnType = { TEXT: 'text', NUMBER: 'number' } as const;
registerEnumType(ColumnType, {
  name: 'ColumnType',
  description: 'What the values of a column are.',
  valuesConfig: {
    TEXT: { description: 'Texts; flags, lists and dates too.' },
    NUMBER: { description: 'Numbers of double precision.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'A column of an export.' })
export class ExportColumn implements Column {
  @Field(() => String, { description: 'Its name.' })
  name: string;

  @Field(() => ColumnType, { description: 'What its values are; any may be missing.' })
  type: Column['type'];
}

@ObjectType({ simpleResolvers: true, description: 'A part of an export; the parts behind each other are the whole.' })
export class ExportPage implements ExportPageData {
  @Field(() => [ExportColumn], { description: 'The columns, the same on every page.' })
  columns: readonly ExportColumn[];

  @Field(() => String, { description: 'The rows, each with the end of its line.' })
  content: string;

  @Field(() => Int, { description: 'Rows in it.' })
  rowCount: number;

  @Field(() => String, { nullable: true, description: '`after` of the next page.' })
  endCursor: string | null;

  @Field(() => Boolean, { description: 'Whether there is more behind it.' })
  hasNextPage: boolean;
}

const firstDescription = `Rows of the page, at most ${limits.exportRows}; fewer where they take ${limits.exportBytes} bytes.`;
const afterDescription = 'Cursor behind which the page begins; must come from an export of the same columns.';
/** A page is read and written as one, whatever is asked of it. */
const cost = ({ args }: { args: Record<string, unknown> }) => Math.max(1, Number(args.first));

/** Which page, and how it is written. */
@ArgsType()
class ExportPageArgs {
  @Field(() => ExportFormat, { defaultValue: 'csv', description: 'How rows are written.' })
  format: TextFormat;

  @Field(() => Int, { defaultValue: 1000, description: firstDescription })
  first: number;

  @Field(() => String, { nullable: true, description: afterDescription })
  after: string | null;
}

@Resolver()
export class ExportResolver {
  @Query(() => ExportPage, {
    description:
      'Runs in the order of their ids, one row each: fields, hyper-parameters, and of every metric last, best, bestStep, min, max and mean.',
    complexity: cost,
  })
  exportRuns(
    @Ctx() { services }: ApiContext,
    @Arg('filter', () => RunFilterInput, { nullable: true, description: 'Which; all when left out.' })
    filter: RunFilterInput | null,
    @Arg('metrics', () => [String], {
      nullable: true,
      description: 'Metrics that are columns; when left out, those that do not depend on the classes of the data.',
    })
    metrics: string[] | null,
    @Args(() => ExportPageArgs) { format, first, after }: ExportPageArgs,
  ): Promise<ExportPageData> {
    const request = { table: 'runs', filter: filter ?? {}, metrics: metrics ?? null, after: after ?? null } as const;
    return exportPage(services, request, format, first);
  }

  @Query(() => ExportPage, {
    description:
      'Every value that runs have logged, one row each: runs in the order of their ids, each stitched. A damaged object is left out, and a row with the scope `damaged` has its key and what to do as its name.',
    complexity: cost,
  })
  exportHistory(
    @Ctx() { services }: ApiContext,
    @Arg('filter', () => RunFilterInput, { nullable: true, description: 'Of which runs; of all when left out.' })
    filter: RunFilterInput | null,
    @Arg('metrics', () => [String], { nullable: true, description: 'Only these; all when left out.' })
    metrics: string[] | null,
    @Args(() => ExportPageArgs) { format, first, after }: ExportPageArgs,
  ): Promise<ExportPageData> {
    const request = { table: 'history', filter: filter ?? {}, metrics: metrics ?? null, after: after ?? null } as const;
    return exportPage(services, request, format, first);
  }
}
