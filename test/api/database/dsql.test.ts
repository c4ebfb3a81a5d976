import { parseDsqlUrl } from '../../../api/database/dsql';

describe('the address of a database', () => {
  it('names an Aurora DSQL cluster with its region and role, admin where it says none', () => {
    const host = 'abcdefghijklmnopqrstuvwxyz.dsql.eu-central-1.on.aws';
    expect(parseDsqlUrl(`postgres://${host}/postgres`)).toEqual({ host, region: 'eu-central-1', user: 'admin' });
    expect(parseDsqlUrl(`postgresql://reader@${host}:5432/postgres`)).toMatchObject({ user: 'reader' });
  });

  it.each([
    'postgres://ann:secret@db.example.org/stillhouse',
    'postgres:///stillhouse?host=/run/postgresql',
    'postgres://admin:a-token@abc.dsql.eu-central-1.on.aws/postgres',
    'postgres://ann@abc.dsql.eu-central-1.on.aws.example.org/postgres',
  ])('is that of another PostgreSQL where it is %s', (url) => {
    expect(parseDsqlUrl(url)).toBeNull();
  });
});
