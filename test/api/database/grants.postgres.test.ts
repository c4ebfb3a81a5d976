import { sql } from 'kysely';
import { grantAccess } from '../../../api/database/grants';
import { openPostgres } from '../../../api/database/postgres';
import { onServer, urlOf } from '../../testkit/records';

const name = `grants_${process.pid}`;
const role = `service_${process.pid}`;
beforeEach(() => onServer([`create database "${name}" template template0`]));
afterEach(() => onServer([`drop database "${name}" with (force)`, `drop role if exists "${role}"`]));

describe('the role of the functions', () => {
  it('reads and writes every table and makes none, and is granted that again without harm', async () => {
    const owner = await openPostgres(urlOf(name), { connections: 1, migrate: true });
    if (owner.kind === 'refused') throw new Error(owner.message);
    for (let k = 0; k < 2; k += 1) await grantAccess(owner.database, { role, principals: [] });

    const url = new URL(urlOf(name));
    url.username = role;
    const service = await openPostgres(url.href, { connections: 1, migrate: false });
    if (service.kind === 'refused') throw new Error(service.message);
    const { database } = service;
    await database.insertInto('ingest').values({ run_id: 'r', last_key: 'k' }).execute();
    await database.updateTable('ingest').set({ last_key: 'l' }).execute();
    expect(await database.selectFrom('ingest').selectAll().execute()).toEqual([{ run_id: 'r', last_key: 'l' }]);
    await database.deleteFrom('ingest').execute();
    await expect(sql`create table mine (id text)`.execute(database)).rejects.toThrow('permission denied');
    await expect(sql`drop table ingest`.execute(database)).rejects.toThrow('must be owner');
    await database.destroy();
    await owner.database.destroy();
  });
});
