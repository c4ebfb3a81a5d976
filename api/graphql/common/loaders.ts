import type { ApiContext } from '../../context/context';
import { createExperimentDetails, type ExperimentDetails } from '../../experiments/experiment-details.store';
import { createRunDetails, type RunDetails } from '../../runs/run-details.store';

interface Loaders {
  run: RunDetails;
  experiment: ExperimentDetails;
}

const loadersByContext = new WeakMap<ApiContext, Loaders>();

/**
 * The loaders of a request, made when first needed. A subscription keeps one context for all its events, so whoever
 * sends an event gives it a context of its own.
 */
export function loadersOf(context: ApiContext): Loaders {
  const known = loadersByContext.get(context);
  if (known !== undefined) return known;
  const { database } = context.services;
  const loaders = { run: createRunDetails(database), experiment: createExperimentDetails(database) };
  loadersByContext.set(context, loaders);
  return loaders;
}
