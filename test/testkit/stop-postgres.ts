/** After the tests on PostgreSQL: has the server of this test run leave and clear up. */
export default async function stopPostgres(): Promise<void> {
  const server = globalThis.postgresServer;
  if (server === undefined) return;
  const left = new Promise((resolve) => server.once('exit', resolve));
  server.stdin?.end();
  await left;
}
