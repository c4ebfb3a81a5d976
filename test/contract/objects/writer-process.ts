/**
 * A process that writes to a directory store, started by the test of concurrent writers and killed by some of them:
 * `claim <root> <name> <keys>` creates each key where absent and prints how many it won; `count <root> <times>` adds
 * 1 to the number stored under `counter`, by overwriting the version it read; `forever <root>` overwrites one key.
 */
import { directoryObjectStore } from '../../../contract/objects/directory';

const [mode, root, ...rest] = process.argv.slice(2);
const store = directoryObjectStore(root!);

async function claim(name: string, keys: number): Promise<void> {
  let won = 0;
  for (let index = 0; index < keys; index++) {
    const outcome = await store.write(`claims/${index}`, name, { if: 'absent' });
    if (outcome.kind === 'written') won++;
  }
  process.stdout.write(String(won));
}

async function count(times: number): Promise<void> {
  for (let added = 0; added < times; ) {
    // The version before the body: if the body is newer than the version, the write meets a conflict.
    const { version } = (await store.info('counter'))!;
    const value = Number(Buffer.from((await store.read('counter'))!).toString());
    const outcome = await store.write('counter', String(value + 1), { if: { version } });
    if (outcome.kind === 'written') added++;
  }
}

async function overwriteForever(): Promise<void> {
  for (let round = 0; ; round++) {
    await store.write('whole', String(round % 10).repeat(300_000));
    if (round === 0) process.stdout.write('writing');
  }
}

if (mode === 'claim') void claim(rest[0]!, Number(rest[1]));
else if (mode === 'count') void count(Number(rest[0]));
else void overwriteForever();
