/** Which database was asked for; no password. */
export interface Target {
  /** What answers there: a PostgreSQL that DATABASE_URL names, or an Aurora DSQL cluster, which AWS keeps. */
  kind: 'postgresql' | 'dsql';
  host: string;
  port: number;
  user: string;
  database: string;
}

/** Why a database cannot be opened, and what to do, for the person who gave its address or deployed it. */
export function postgresRefusal(error: Error & { code?: string }, target: Target): string {
  const { kind, host, port, user, database } = target;
  const { refusedUser, noDatabase, noRight, full, noHost, silent, unsafe } = remedies[kind];
  const server = kind === 'dsql' ? `Aurora DSQL at ${host}` : `PostgreSQL at ${host}:${port}`;
  const message = error.message || error.code || 'no reason given';
  switch (error.code) {
    case '28P01':
    case '28000':
      return `${server} refuses user "${user}" (${message}): ${refusedUser}`;
    case '3D000':
      return `${server} has no database "${database}": ${noDatabase}`;
    case '42501':
      return `user "${user}" may not create tables in database "${database}" of ${server} (${message}): ${noRight}`;
    case '53300':
      return `${server} takes no further connections (${message}): ${full}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `there is no host "${host}": ${noHost}`;
  }
  if (
    /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT)$/.test(error.code ?? '') ||
    /timeout/.test(message)
  )
    return `nothing answers as ${server} (${message}): ${silent}`;
  if (/SSL|TLS|certificate/i.test(`${message} ${error.code}`))
    return `no safe connection to ${server} (${message}): ${unsafe}`;
  return `cannot open database "${database}" of ${server}: ${message}`;
}

/** What to do about each refusal. Functions have no DATABASE_URL: their cluster and roles come with the stack. */
const remedies: Record<Target['kind'], Record<RefusalKind, string>> = {
  postgresql: {
    refusedUser: 'give the right user and password in DATABASE_URL',
    noDatabase: 'create it, or name another in DATABASE_URL',
    noRight: 'grant it "create" on the schema, or give another user in DATABASE_URL',
    full: 'close some, or raise its max_connections',
    noHost: 'correct it in DATABASE_URL',
    silent: 'is it running, and may this machine reach it?',
    unsafe: 'give sslmode and sslrootcert in DATABASE_URL as the server needs them',
  },
  dsql: {
    refusedUser:
      'the credentials of this process need dsql:DbConnect on the cluster (dsql:DbConnectAdmin as admin), and their IAM role a grant of that user in the database ("aws iam grant"), which a deploy makes',
    noDatabase: 'a cluster has the database "postgres" alone',
    noRight: 'admin alone changes the schema, as a deploy does',
    full: 'wait, or ask for more (Service Quotas, Aurora DSQL)',
    noHost: 'was the cluster deleted, or is it in another region?',
    silent: 'look at the status of the cluster in its region, and whether this network reaches AWS',
    unsafe: "the cluster shows a certificate of Amazon's: is a proxy in between?",
  },
};

type RefusalKind = 'refusedUser' | 'noDatabase' | 'noRight' | 'full' | 'noHost' | 'silent' | 'unsafe';
