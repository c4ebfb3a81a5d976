import { parseArgs } from 'node:util';
import { type Finding, inspectAws } from './aws';

const help = `Says before a deploy to AWS what would stand against it. It reads and changes nothing.

  npm run doctor -- --aws [--issuer URL] [--gpus g5,g4dn] [--trainer-image URI]

  --issuer URL         issuer of the tokens, as the parameter OidcIssuer will have it
  --gpus LIST          families of GPU machines, as -c gpus will have them [those of the region]
  --trainer-image URI  the trainer's image was built elsewhere (-c trainerImage)

Account and region are those of the AWS tools (AWS_PROFILE, AWS_REGION). Exit code 0: nothing stands against it; 1: something
does; 2: an option is wrong.
`;

async function main(): Promise<number> {
  const options = {
    aws: { type: 'boolean' },
    issuer: { type: 'string' },
    gpus: { type: 'string' },
    'trainer-image': { type: 'string' },
    help: { type: 'boolean' },
  } as const;
  let given: { aws?: boolean; issuer?: string; gpus?: string; 'trainer-image'?: string; help?: boolean };
  try {
    given = parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}. See --help.\n`);
    return 2;
  }
  if (given.help || !given.aws) {
    process.stdout.write(help);
    return given.help ? 0 : 2;
  }
  const findings = await inspectAws({
    issuer: given.issuer ?? null,
    gpus: given.gpus ?? '',
    buildsImage: given['trainer-image'] === undefined,
  });
  for (const { kind, text } of findings) process.stdout.write(`${marks[kind]} ${text}\n`);
  return findings.some(({ kind }) => kind === 'wrong') ? 1 : 0;
}

const marks: Record<Finding['kind'], string> = { right: 'ok     ', look: 'look at', wrong: 'WRONG  ' };

main().then((code) => {
  process.exitCode = code;
});
