import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { runBeside } from './command.ts';
import { lnsDocuments, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { lab, lac, lns } from './fresh-pair.ts';

const tunnelSecret = 'between-the-two';

beforeEach(async () => {
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret }));
  await lac.declare('secrets.yaml', secrets(tunnelSecret));
  await lac.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey }));
  await lac.declare('session.yaml', sessionDocument());
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
});

const prol2tp = (...args: string[]) => runBeside(lac, ...args);

/** The LAC's declarations with another tunnel, in a directory of their own. */
async function variant(tunnel: string): Promise<string> {
  const directory = join(lab.directory, 'variant');
  await cp(lac.directory, directory, { recursive: true });
  await writeFile(join(directory, 'tunnel.yaml'), tunnel);
  return directory;
}

test('what runs is listed and described, without secrets', async () => {
  const tunnels = await prol2tp('get', 'tunnels', '-o', 'wide');
  expect(tunnels.output).toMatch(/to-lns +established +192\.0\.2\.2/);
  const sessions = await prol2tp('get', 'sessions');
  expect(sessions.output).toMatch(/call +to-lns +True/);
  const described = await prol2tp('describe', 'session', 'call');
  expect(described.output).toContain('10.20.1.1');
  const explained = await prol2tp('explain', 'tunnel', 'to-lns');
  expect(explained.output).toMatch(/helloInterval.*built-in/);
  for (const { exitCode, output } of [tunnels, sessions, described, explained]) {
    expect(exitCode, output).toBe(0);
    expect(output).not.toContain(tunnelSecret);
    expect(output).not.toContain('open-sesame');
  }
});

test('a plan of what is declared already is empty', async () => {
  expect(await prol2tp('plan', lac.directory)).toMatchObject({ exitCode: 0 });
});

test('a plan tells what would change and what would drop, and changes nothing', async () => {
  const before = await lac.tunnel('to-lns');
  const harmless = await prol2tp('plan', await variant(tunnelDocument({ secretRef: tunnelKey, helloInterval: '7s' })));
  expect(harmless.exitCode, harmless.output).toBe(2);
  expect(harmless.output).toMatch(/to-lns.*helloInterval/);
  expect(harmless.output).not.toMatch(/[1-9]\d* calls? drop/);

  const moved = tunnelDocument({ secretRef: tunnelKey, remoteAddress: '192.0.2.9' });
  const harmful = await prol2tp('plan', await variant(moved));
  expect(harmful.exitCode, harmful.output).toBe(2);
  expect(harmful.output).toMatch(/remoteAddress.*192\.0\.2\.9/);
  expect(harmful.output).toMatch(/1 call drops/);

  const after = await lac.tunnel('to-lns');
  expect(after?.status.since).toBe(before?.status.since);
  expect(after?.spec).toEqual(before?.spec);
});
