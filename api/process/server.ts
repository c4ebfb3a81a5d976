import './production';
import 'reflect-metadata';
import { describeSettings, readSettings } from './env';
import { exitCodes, installLastResort } from './last-resort';
import { startService } from './service';

/** `npm start`: the whole of Stillhouse on one machine. Ctrl-C or SIGTERM stops it; the next start goes on. */
async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words.includes('--help')) {
    console.log(describeSettings());
    return;
  }
  const settings = readSettings(process.env, words);
  if (settings.kind === 'invalid') {
    for (const { path, message } of settings.problems) console.error(`${path}: ${message}`);
    process.exitCode = exitCodes.badSettings;
    return;
  }
  const log = (line: string) => console.error(line);
  const lastResort = installLastResort(log);
  const outcome = await startService(settings.value, log);
  if (outcome.kind === 'refused') {
    console.error(outcome.message);
    process.exit(exitCodes.failed);
  }
  const { service } = outcome;
  lastResort.answersFor(service.http);
  const seconds = (performance.now() / 1000).toFixed(1);
  console.log(`Stillhouse at ${service.address} (ready after ${seconds} s)`);
  console.log(`data     ${settings.value.dataDirectory}`);
  console.log(`trainers ${service.runner}`);

  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(exitCodes.failed);
    stopping = true;
    console.log('Stopping: trainers write their checkpoints. Once more to leave at once.');
    void service.close().then(() => process.exit(exitCodes.stopped));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

void main();
