import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'prol2tp-validate-'));
});
afterEach(() => rm(directory, { recursive: true }));

const tunnel = `apiVersion: prol2tp.io/v1alpha1
kind: Tunnel
metadata:
  name: to-lns
spec:
  remoteAddress: 192.0.2.9
  helloInterval: 30s
`;

const session = `apiVersion: prol2tp.io/v1alpha1
kind: Session
metadata:
  name: alice
spec:
  tunnel: to-lns
  userName: alice
`;

async function validate(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  let out = '';
  let err = '';
  const code = await run(['validate', directory], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text.replaceAll(directory, 'DIR');
    },
    colour: false,
    // No socket is looked for.
    env: { PROL2TP_SOCKET: '/nowhere' },
    now: Date.now,
  });
  return { code, out, err: err.split('\n').slice(0, -1) };
}

test('valid documents', async () => {
  expect(await validate({ 'lac.yaml': `${tunnel}---\n${session}` })).toEqual({
    code: 0,
    out: '2 resources are valid.\n',
    err: [],
  });
});

test('a mistyped field is told with its line, and the field that is meant', async () => {
  const { code, out, err } = await validate({ 'lac.yaml': tunnel.replace('helloInterval', 'helloIntervall') });
  expect([code, out, err.length]).toEqual([1, '', 1]);
  expect(err[0]).toMatch(/^DIR\/lac\.yaml:7:3: Tunnel\/to-lns: spec\.helloIntervall: .*helloInterval\b/);
});

test('a reference to nothing is told', async () => {
  const { code, err } = await validate({ 'alice.yaml': session });
  expect([code, err.length]).toEqual([1, 1]);
  expect(err[0]).toMatch(/^DIR\/alice\.yaml:6:3: Session\/alice: spec\.tunnel: Tunnel\/to-lns does not exist/);
});

test('every mistake in every file is told, each once', async () => {
  const { code, err } = await validate({
    'a.yaml': tunnel.replace('30s', '30'),
    'b.yaml': session.replace('userName', 'username'),
    'c.yaml': 'kind: [',
  });
  expect(code).toBe(1);
  expect(new Set(err).size).toBe(err.length);
  for (const file of ['a.yaml:7', 'b.yaml:7', 'c.yaml:1']) expect(err.join('\n')).toContain(`DIR/${file}`);
});

test('an empty or missing directory is a mistake', async () => {
  expect((await validate({})).err).toEqual(['error: DIR declares nothing']);
  directory = join(directory, 'missing');
  const { code, err } = await validate({});
  expect([code, err]).toEqual([1, ['DIR: the directory cannot be read: ENOENT']]);
  directory = join(directory, '..');
});

const gateway = `apiVersion: prol2tp.io/v1alpha1
kind: Gateway
metadata:
  name: lns
spec:
  listen:
    - address: 192.0.2.1
`;

const profile = `apiVersion: prol2tp.io/v1alpha1
kind: TunnelProfile
metadata:
  name: default
spec:
  secretRef:
    name: l2tp
    key: secret
---
apiVersion: v1
kind: Secret
metadata:
  name: l2tp
stringData:
  secret: sesame
`;

const peer = `apiVersion: prol2tp.io/v1alpha1
kind: PeerProfile
metadata:
  name: lacs
spec:
  role: lac
`;

test('a Gateway that would let nobody in is told of', async () => {
  const told =
    'But the Gateway refuses every tunnel: authMode is challenge, and no PeerProfile names a peer by match.hostName or match.addresses.';
  const files = { 'lns.yaml': `${gateway}---\n${profile}` };
  expect(await validate(files)).toMatchObject({ code: 0, err: [told] });
  expect(await validate({ ...files, 'peer.yaml': peer })).toMatchObject({ code: 0, err: [told] });
  const named = `${peer}  match:\n    hostName: lac.example\n`;
  expect(await validate({ ...files, 'peer.yaml': named })).toMatchObject({ code: 0, err: [] });
});

test.each([
  ['does not listen', `${gateway.split('  listen')[0]}  acceptTunnels: true\n`],
  ['accepts no tunnels', `${gateway}  acceptTunnels: false\n`],
  ['demands nothing', `${gateway}---\n${profile.replace('spec:', 'spec:\n  authMode: none')}`, ''],
])('but not of one that %s', async (_what, spec, rest = `---\n${profile}`) => {
  expect(await validate({ 'lns.yaml': `${spec}${rest}` })).toMatchObject({ code: 0, err: [] });
});
