/** A bucket, or a part of one, and whose it is. */
export interface S3Bucket {
  bucket: string;
  /** What all keys begin with: '' or ending in '/'. */
  prefix: string;
  /** Address of a storage that speaks S3; null: AWS, or what the AWS configuration of this user names. */
  endpoint: string | null;
  /** null: what the AWS configuration of this user names. */
  region: string | null;
}
