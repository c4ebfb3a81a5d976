import { parseS3Location } from '../../contract/objects/s3-location';
import type { Problem } from '../../contract/run-spec';
import type { ExperimentDefinition } from './definition';
import { modelRoles } from './variant-models';

/**
 * Inputs that the machines of AWS Batch cannot read: files of another machine, and objects in buckets that are not
 * theirs.
 * @param buckets of which they may read, the service's own first
 */
export function inputPlaceProblems(definition: ExperimentDefinition, buckets: readonly string[]): Problem[] {
  const { data, teacher, vectors, variants } = definition;
  const places: Record<string, string | null | undefined> = {
    'data.train': data.train,
    'data.test': data.test,
    'teacher.folder': teacher?.folder,
    'teacher.labels.location': teacher?.labels?.location,
    vectors,
    ...Object.fromEntries(
      variants.flatMap((variant, place) =>
        modelRoles.map((role) => [`variants.${place}.${role}.folder`, variant[role]?.folder]),
      ),
    ),
  };
  return Object.entries(places).flatMap(([path, place]) => {
    const message = place == null ? null : refusalOf(place, buckets);
    return message === null ? [] : [{ path, message }];
  });
}

function refusalOf(place: string, buckets: readonly string[]): string | null {
  const [own = ''] = buckets;
  if (place.startsWith('hf:')) return null;
  if (!place.startsWith('s3:'))
    return `"${place}" is a file of one machine, and runs are carried out by others: copy it with "aws s3 cp ${place} s3://${own}/data/" and give its place there`;
  const bucket = parseS3Location(place)?.bucket;
  if (bucket === undefined) return `"${place}" is not of the form s3://bucket/path with letters, digits and "._=-"`;
  return buckets.includes(bucket)
    ? null
    : `runs may not read bucket "${bucket}", but ${buckets.join(', ')}: copy it there, or deploy with -c readableBuckets=${bucket}`;
}
