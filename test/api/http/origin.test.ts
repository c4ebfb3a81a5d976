import { isFromHere } from '../../../api/http/origin';

const fromHere = (host: string | undefined, origin: string | undefined, open = true) =>
  isFromHere({ headers: { host, origin } }, open);

describe('a request where access is open', () => {
  it.each(['localhost', 'LOCALHOST:4000', 'LocalHost.', '127.0.0.1:4000', '127.1', '[::1]:4000', '[0:0:0:0:0:0:0:1]'])(
    'to %s is answered: a name of this machine',
    (host) => expect(fromHere(host, undefined)).toBe(true),
  );
  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    'x@localhost',
    'localhost/x',
    'localhost#',
    '[',
    '0.0.0.0',
  ])('to %s is not answered', (host) => expect(fromHere(host, undefined)).toBe(false));
});

describe('a request of a page', () => {
  it.each([
    ['localhost:4000', 'http://localhost:4000'],
    ['LOCALHOST:4000', 'http://localhost:4000'],
    ['team.example', 'https://team.example'],
    ['team.example:443', 'https://team.example'],
    ['TEAM.example:80', 'http://Team.Example'],
  ])('to %s from %s is answered: the same host and port', (host, origin) =>
    expect(fromHere(host, origin, false)).toBe(true),
  );
  it.each([
    ['localhost:4000', 'http://localhost:4001'],
    ['localhost:4000', 'http://evil.example'],
    ['localhost:4000', 'null'],
    ['localhost:4000', 'file://localhost:4000'],
    ['team.example', 'https://team.example.evil'],
    ['team.example', 'https://evil.example#team.example'],
    ['team.example:80', 'https://team.example'],
    ['', ''],
  ])('to %s from %s is not answered', (host, origin) => expect(fromHere(host, origin, false)).toBe(false));
});
