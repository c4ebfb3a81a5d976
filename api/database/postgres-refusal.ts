/** Which database was asked for; no password. */
export interface Target {
  host: string;
  port: number;
  user: string;
  database: string;
}

/** Why a database cannot be opened, and what to do, for the person who gave its address. */
export function postgresRefusal(error: Error & { code?: string }, { host, port, user, database }: Target): string {
  const server = `PostgreSQL at ${host}:${port}`;
  const message = error.message || error.code || 'no reason given';
  switch (error.code) {
    case '28P01':
    case '28000':
      return `${server} refuses user "${user}" (${message}): give the right user and password in DATABASE_URL`;
    case '3D000':
      return `${server} has no database "${database}": create it, or name another in DATABASE_URL`;
    case '42501':
      return `user "${user}" may not create tables in database "${database}" of ${server} (${message}): grant it "create" on the schema, or give another user in DATABASE_URL`;
    case '53300':
      return `${server} takes no further connections (${message}): close some, or raise its max_connections`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `there is no host "${host}": correct it in DATABASE_URL`;
  }
  if (
    /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT)$/.test(error.code ?? '') ||
    /timeout/.test(message)
  )
    return `nothing answers as ${server} (${message}): is it running, and may this machine reach it?`;
  if (/SSL|TLS|certificate/i.test(`${message} ${error.code}`))
    return `no safe connection to ${server} (${message}): give sslmode and sslrootcert in DATABASE_URL as the server needs them`;
  return `cannot open database "${database}" of ${server}: ${message}`;
}
