import { z } from 'zod';
import { directoryObjectStore } from './directory';
import type { ObjectStore } from './object-store';
import { parseS3Location, type S3Settings } from './s3-location';

/** Where objects are, as it is set: a folder, or `s3://bucket` with or without a prefix. */
export const objectsLocationSchema = z
  .string()
  .min(1)
  .refine((location) => !isS3Location(location) || parseS3Location(location) !== null, {
    error:
      'must be a folder, or as in s3://bucket or s3://bucket/prefix, with letters, digits and "._=-" in the prefix',
  });

export const isS3Location = (location: string): boolean => location.startsWith('s3:');

/** Opens the objects at a location that `objectsLocationSchema` has passed. Nothing is asked of the storage yet. */
export async function openObjects(location: string, settings: S3Settings): Promise<ObjectStore> {
  const place = parseS3Location(location);
  if (place === null) return directoryObjectStore(location);
  // The AWS SDK takes longer to load than the rest of the program: only those who use it wait for it.
  const { s3ObjectStore } = await import('./s3');
  const { bucket, path } = place;
  return s3ObjectStore({ bucket, prefix: path === '' ? '' : `${path}/`, ...settings });
}
