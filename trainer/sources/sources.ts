import type { S3Settings } from '../../contract/objects/s3-location';

/** Where inputs come from that are not on this machine, and where they are kept. */
export interface InputSources {
  cacheDirectory: string;
  s3: S3Settings;
}
