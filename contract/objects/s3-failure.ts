import { ObjectStoreError } from './object-store-error';
import type { S3Bucket } from './s3-location';

/** What errors of the AWS SDK carry besides a message. */
interface SdkError {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; attempts?: number };
}

/** The name that S3 (`NoSuchKey`), the SDK or the system (`ECONNREFUSED`) gives the failure. */
export const codeOf = (error: unknown): string | undefined => {
  const { name, code } = error as SdkError;
  return /^E[A-Z_]+$/.test(code ?? '') ? code : name;
};
/** The HTTP status of the answer; undefined where there was none. */
export const statusOf = (error: unknown): number | undefined => (error as SdkError).$metadata?.httpStatusCode;
/** How often the request was sent. */
export const triesOf = (error: unknown): number => (error as SdkError).$metadata?.attempts ?? 1;

/** The failure of a request for an object in `place`, with what to do about it. */
export function explainS3Failure(error: unknown, key: string, doing: string, place: S3Bucket): unknown {
  if (error instanceof ObjectStoreError) return error;
  const { message } = error as SdkError;
  const code = codeOf(error);
  const where = `s3://${place.bucket}/${place.prefix}${place.endpoint === null ? '' : ` at ${place.endpoint}`}`;
  // Of all failures this one has no code of its own.
  const isRegionMissing = message === 'Region is missing';
  const advice = isRegionMissing ? noRegion : adviceFor(code, statusOf(error), place);
  const why = [code, message].filter((text) => text && text !== 'Error' && text !== 'UnknownError').join(': ');
  const tries = triesOf(error) > 1 ? `, after ${triesOf(error)} tries` : '';
  return new ObjectStoreError(
    `cannot ${doing} ${key === '' ? 'objects' : `object "${key}"`} in ${where}: ${advice} (${why}${tries})`,
    key,
    code,
    { cause: error },
  );
}

function adviceFor(code: string | undefined, status: number | undefined, { endpoint }: S3Bucket): string {
  const known = adviceByCode[code ?? ''];
  if (known !== undefined) return known;
  const address = endpoint ?? 'the address of the storage';
  // A name of the operating system: ECONNREFUSED, ENOTFOUND, ECONNRESET, ...
  if (/^E[A-Z_]+$/.test(code ?? ''))
    return `nothing answers at ${address}: see that AWS_ENDPOINT_URL_S3 is right, and the network up`;
  if (status === undefined) return `see that ${address} is that of a storage that speaks S3`;
  if (status === 401 || status === 403) return adviceByCode.AccessDenied!;
  // A redirect is how S3 answers for a bucket of another region.
  if (status >= 300 && status < 400) return adviceByCode.PermanentRedirect!;
  if (status === 501) return 'this storage lacks something that is needed, such as conditional writes: use another one';
  if (status === 429 || status >= 500) return 'the storage is overloaded or broken: try again later';
  return 'the storage refused';
}

const unknownCredentials =
  'the storage does not know these credentials: correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE';
const expiredCredentials = 'the credentials have expired: get new ones';
const noRegion = 'set AWS_REGION to that of the bucket, or AWS_ENDPOINT_URL_S3 to the address of another storage';
const otherRegion = 'the bucket lies in another region: set AWS_REGION to that';

/** By the code that S3, the SDK or the system gives. */
const adviceByCode: Readonly<Record<string, string>> = {
  NoSuchBucket: 'the bucket does not exist: create it, or correct its name',
  AccessDenied:
    'these credentials may not do so: allow s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject ' +
    'and s3:AbortMultipartUpload on its objects',
  InvalidAccessKeyId: unknownCredentials,
  SignatureDoesNotMatch: unknownCredentials,
  ExpiredToken: expiredCredentials,
  TokenRefreshRequired: expiredCredentials,
  CredentialsProviderError:
    'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  PermanentRedirect: otherRegion,
  AuthorizationHeaderMalformed: otherRegion,
  IllegalLocationConstraintException: otherRegion,
  RequestTimeTooSkewed: 'the clock of this machine is wrong: set it',
  TimeoutError: 'the storage did not answer in time: see that it is up, and try again',
  SlowDown: 'the storage asks for fewer requests: try again later',
  ConditionalRequestConflict: 'others write the same object at this moment: try again',
  PreconditionFailed: 'it was overwritten while it was read: read it again',
};
