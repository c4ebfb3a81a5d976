/**
 * A trainer that trains nothing: it writes the objects of a run as a real one does, and ends as the name of the run
 * says (`crash-1` crashes), or SCRIPTS by its name. For tests of those who start trainers, in plain JavaScript so that it starts fast.
 */
const fs = require('node:fs');
const path = require('node:path');

const argument = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const objects = process.env.STILLHOUSE_OBJECTS ?? argument('--objects');
const runId = namedRun();
const prefix = path.join(objects, 'runs', runId);
const padded = (number, width) => String(number).padStart(width, '0');
const now = () => new Date().toISOString();

/** As the real trainer: on the command line, or as AWS Batch tells it. */
function namedRun() {
  const { STILLHOUSE_RUN_ID, STILLHOUSE_MANIFEST, AWS_BATCH_JOB_ARRAY_INDEX } = process.env;
  if (STILLHOUSE_MANIFEST === undefined) return STILLHOUSE_RUN_ID ?? argument('--run');
  return JSON.parse(fs.readFileSync(path.join(objects, STILLHOUSE_MANIFEST))).runIds[Number(AWS_BATCH_JOB_ARRAY_INDEX)];
}

function write(key, value) {
  const file = path.join(prefix, key);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.tmp~`, typeof value === 'string' ? value : JSON.stringify(value));
  fs.renameSync(`${file}.tmp~`, file);
  if (process.connected) process.send({ wrote: `runs/${runId}/${key}` });
}

function claim() {
  const attempts = path.join(prefix, 'attempts');
  fs.mkdirSync(attempts, { recursive: true });
  const attempt = fs.readdirSync(attempts).filter((name) => /^\d+\.json$/.test(name)).length + 1;
  const engine = { name: 'portable', version: '0', device: 'none', threads: 1, reason: 'scripted' };
  const host = require('node:os').hostname();
  write(`attempts/${padded(attempt, 4)}.json`, {
    ...{ version: 1, runId, attempt, startedAt: now(), host, pid: process.pid, engine, node: process.version },
    ...{ code: '0', resumedFromStep: null },
    ...(process.env.AWS_BATCH_JOB_ID === undefined ? {} : { job: process.env.AWS_BATCH_JOB_ID }),
    ...(process.env.SCRIPTED_MACHINE === undefined ? {} : { machine: JSON.parse(process.env.SCRIPTED_MACHINE) }),
  });
  return attempt;
}

const end = (attempt, record) => write(`attempts/${padded(attempt, 4)}.end.json`, { ...record, endedAt: now() });
const progress = (attempt, step) =>
  write('progress.json', {
    ...{ attempt, at: now(), phase: 'training', step, totalSteps: 2, epoch: 1, totalEpochs: 1 },
  });

function succeed(attempt) {
  const values = { 'train/loss': 1, 'dev/accuracy': 0.5 };
  const chunk = (step) => ({ step, epoch: 1, elapsedSeconds: step / 10, scope: step === 2 ? 'epoch' : 'step', values });
  write(`metrics/${padded(attempt, 4)}-${padded(0, 8)}.jsonl`, `${JSON.stringify(chunk(1))}\n`);
  write(`metrics/${padded(attempt, 4)}-${padded(1, 8)}.jsonl`, `${JSON.stringify(chunk(2))}\n`);
  const epoch = { epoch: 1, step: 2, elapsedSeconds: 0.2, values };
  write('result.json', {
    ...{
      version: 1,
      runId,
      attempt,
      finishedAt: now(),
      spec: JSON.parse(fs.readFileSync(path.join(prefix, 'spec.json'))),
    },
    ...{ classes: ['a', 'b'], rows: { train: 8, quiz: 1, dev: 1, test: 2 }, selectedOn: 'dev/accuracy' },
    ...{ selected: epoch, final: epoch, trainedParameters: 1, modelBytes: 4, seconds: { total: 1 }, notes: [] },
  });
  end(attempt, { outcome: 'succeeded' });
  process.exit(0);
}

function fail(kind, code) {
  const problems = [{ path: 'data.train', message: 'does not exist' }];
  end(attempt, { outcome: 'failed', kind, message: 'data.train: does not exist', problems, step: null });
  process.exit(code);
}

/** Until it is asked to stop, or the server is gone. */
function waitForStop() {
  const stop = () => {
    end(attempt, { outcome: 'interrupted', step: 1 });
    process.exit(75);
  };
  process.on('SIGTERM', stop);
  process.on('disconnect', stop);
  setInterval(() => progress(attempt, 1), 50);
}

const behaviour = JSON.parse(process.env.SCRIPTS ?? '{}')[runId] ?? runId.split('-')[0];
if (behaviour === 'unborn') {
  console.error('Error: cannot find a module');
  process.exit(1);
}
const attempt = claim();
progress(attempt, 0);
if (behaviour === 'ok' || (behaviour === 'later' && attempt > 1)) succeed(attempt);
else if (behaviour === 'brief') setTimeout(() => succeed(attempt), 150);
else if (behaviour === 'input') fail('input', 2);
else if (behaviour === 'mended' && attempt === 1) fail('input', 2);
else if (behaviour === 'mended') succeed(attempt);
else if (behaviour === 'crash') {
  console.error('first line\nboom: the last line');
  process.exit(1);
} else if (behaviour === 'lying') process.exit(0);
else if (behaviour === 'deaf') {
  process.on('SIGTERM', () => {});
  setInterval(() => progress(attempt, 1), 50);
} else if (behaviour === 'silent') {
  process.on('SIGTERM', () => process.exit(75));
  setInterval(() => {}, 1000);
} else waitForStop();
