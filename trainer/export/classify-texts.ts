import { existsSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { exitCodes } from '../../contract/keys';
import type { Checked } from '../../contract/run-spec';
import { startEngine } from '../engine/engine';
import { localFolder } from '../models/model-files';
import { readBilstm, type StoredBilstm } from '../models/word/folder';
import { objectsOf, objectsUsage, readArguments, refuse } from './arguments';
import { classify, type Prediction } from './classify';
import { modelOfRun } from './run-model';

const help = `Classifies texts with the student of a run. Needs no server.

  npm run predict -- FOLDER "text" ["text" ...]    the folder model/ of a run, or a copy of it
  npm run predict -- RUN "text" ["text" ...]       a run by its id
  npm run predict -- FOLDER < texts                one text a line

  --json           one JSON object a text: {text, class, probabilities}
  ${objectsUsage}
  --help           this text
`;

async function main(): Promise<number> {
  const given = readArguments({ objects: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } });
  if (given.kind === 'invalid') return refuse(given.problems);
  const { values, positionals } = given.value;
  const [place, ...words] = positionals;
  if (values.help === true) {
    process.stdout.write(help);
    return exitCodes.succeeded;
  }
  if (place === undefined)
    return refuse([{ path: '', message: 'give the folder of a student, or the id of a run. See --help.' }]);
  const student = await findStudent(place, values.objects);
  if (student.kind === 'invalid') return refuse(student.problems);
  const texts = words.length > 0 ? words : await textsOfInput();
  if (texts.length === 0) return refuse([{ path: '', message: 'give at least one text, or one a line of the input' }]);
  const engine = await startEngine({ engine: 'auto', device: 'cpu', threads: 1 });
  if (engine.kind === 'unavailable') return refuse(engine.problems);
  const predictions = await classify(student.value, texts);
  for (const [row, prediction] of predictions.entries())
    process.stdout.write(
      `${values.json === true ? jsonOf(texts[row]!, prediction) : lineOf(texts[row]!, prediction)}\n`,
    );
  return exitCodes.succeeded;
}

async function findStudent(place: string, objectsLocation: string | undefined): Promise<Checked<StoredBilstm>> {
  if (existsSync(place)) return readBilstm(localFolder(place));
  const runs = await objectsOf(objectsLocation);
  if (runs.kind === 'invalid') return runs;
  const model = await modelOfRun(runs.value, place);
  return model.kind === 'invalid' ? model : readBilstm(model.value.files);
}

async function textsOfInput(): Promise<string[]> {
  const lines = (await textOf(process.stdin)).split(/\r?\n/);
  return lines.filter((line) => line.trim() !== '');
}

const jsonOf = (text: string, prediction: Prediction): string => JSON.stringify({ text, ...prediction });

function lineOf(text: string, { class: name, probabilities }: Prediction): string {
  const shares = Object.entries(probabilities).map(([label, share]) => `${label} ${share.toFixed(4)}`);
  return `${name}\t${shares.join('  ')}\t${text}`;
}

// An engine may keep threads alive that would hold the process open.
main().then((code) => process.exit(code));
