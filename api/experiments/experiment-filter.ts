import type { Combined, TextCondition, TimeCondition } from '../database/conditions';

/** Which experiments; all that is given must hold. */
export interface ExperimentFilter extends Combined<ExperimentFilter> {
  id?: TextCondition;
  name?: TextCondition;
  question?: TextCondition;
  state?: TextCondition;
  clonedFrom?: TextCondition;
  tag?: TextCondition;
  createdAt?: TimeCondition;
  launchedAt?: TimeCondition;
  archivedAt?: TimeCondition;
}

/** Fields experiments can be ordered by, with their columns. */
export const experimentOrderFields = {
  NAME: { column: 'name', key: 'text', nullable: false },
  STATE: { column: 'state', key: 'text', nullable: false },
  CREATED_AT: { column: 'created_at', key: 'text', nullable: false },
  UPDATED_AT: { column: 'updated_at', key: 'text', nullable: false },
  LAUNCHED_AT: { column: 'launched_at', key: 'text', nullable: true },
} as const;
export type ExperimentOrderField = keyof typeof experimentOrderFields;

export interface ExperimentOrder {
  field: ExperimentOrderField;
  direction: 'ASC' | 'DESC';
  nulls: 'FIRST' | 'LAST';
}
