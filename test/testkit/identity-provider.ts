import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** An OpenID provider on this machine. Whoever signs in as viewer, editor or admin has that role. */
export interface IdentityProvider {
  /** `iss` of its tokens, which are for the audience `stillhouse`. */
  issuer: string;
  close(): Promise<void>;
}

export interface IdentityProviderOptions {
  /** Where its one client, `dashboard`, comes back to. */
  pageUrl: string;
  accessTokenSeconds?: number;
  refreshTokens?: boolean;
}

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const settings = { accessTokenSeconds: 3600, refreshTokens: true, ...options };
  const child = spawn(process.execPath, [join(__dirname, 'identity-provider-process.mjs'), JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  const issuer = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      output += chunk.toString();
      const found = /issuer (\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    void gone.then(() => reject(new Error(`the identity provider did not start: ${output}`)));
  });
  return {
    issuer,
    async close() {
      child.stdin.end();
      await gone;
    },
  };
}
