import { z } from 'zod';

/** By what a storage is found; credentials and the rest are read by the AWS SDK itself. */
export interface S3Settings {
  /** Address of a storage that speaks S3; null: AWS. */
  endpoint: string | null;
  /** null: what the AWS configuration of this user names. */
  region: string | null;
}

/** A bucket, or a part of one, and whose it is. */
export interface S3Bucket extends S3Settings {
  bucket: string;
  /** What all keys begin with: '' or ending in '/'. */
  prefix: string;
}

const address = z
  .union([z.literal(''), z.url({ protocol: /^https?$/ })], { error: 'must be an address as in http://127.0.0.1:9000' })
  .optional();

/** The variables of the AWS tools that say where a storage is. */
export const s3EnvironmentSchema = z.object({
  AWS_ENDPOINT_URL_S3: address,
  AWS_ENDPOINT_URL: address,
  AWS_REGION: z.string().optional(),
});

export const s3SettingsOf = (environment: z.output<typeof s3EnvironmentSchema>): S3Settings => ({
  endpoint: environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || null,
  region: environment.AWS_REGION || null,
});

/** Bucket and path of `s3://bucket` and `s3://bucket/path`, the path without slashes at its ends; null for any other text. */
export function parseS3Location(location: string): { bucket: string; path: string } | null {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/+((?:[A-Za-z0-9._=-]+\/)*[A-Za-z0-9._=-]*))?$/.exec(
    location,
  );
  return match && { bucket: match[1]!, path: (match[2] ?? '').replace(/\/$/, '') };
}
