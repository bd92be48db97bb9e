import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { Daemon } from './daemon.ts';
import { lnsDocuments, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { lab, lac, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, wire } from './pair.ts';
import { resource } from './resources.ts';
import { dissect, sentMessages } from './tshark.ts';

/** Traces, hooks and plugins of running daemons. */

const program = fileURLToPath(new URL('../../dist/prol2tp.js', import.meta.url));
const tunnelSecret = 'between-the-two';

test('a tunnel that comes up is traced and captured, with what was hidden, without secrets', async () => {
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret, tunnel: { hideAvps: true } }));
  await lac.declare('secrets.yaml', secrets(tunnelSecret));
  await lac.declare('gateway.yaml', resource('Gateway', 'lac', { trace: ['system'] }));
  // Nobody listens yet: there is time to look at the tunnel before it comes up.
  await lac.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey, hideAvps: true }));
  await lac.declare('session.yaml', sessionDocument());
  await lac.start();
  await until('the tunnel', async () => (await lac.tunnel('to-lns')) !== undefined);
  const file = join(lab.directory, 'trace.pcapng');
  const options = { reject: false, all: true, stdin: 'ignore', env: { NO_COLOR: '1' } } as const;
  const prol2tp = (...args: string[]) => execa(process.execPath, [program, '--socket', lac.socket, ...args], options);
  const capture = prol2tp('trace', 'tunnel', 'to-lns', '--pcapng', file);
  const lines = prol2tp('trace', 'tunnel', 'to-lns');
  const system = prol2tp('trace', 'system', '--categories', 'api');
  let seen = '';
  lines.all.on('data', (text) => {
    seen += text;
  });
  await until('a retransmission', async () => /sent SCCRQ.*again/.test(seen));
  await lns.start();
  await lac.sessionReady('call');
  await until('PPP to be open', async () => /ppp {2}call {2}phase \w+, now network/.test(seen));
  for (const each of [capture, lines, system]) each.kill('SIGINT');
  expect((await capture).all).toMatch(/^\d+ packets in /);
  await lines;
  expect((await system).all).toContain('GET /v1/sessions/call');

  expect(seen).toMatch(/fsm {2}to-lns {2}waitReply: SCCRP: confirm, now established/);
  expect(seen).toMatch(/avpHide {2}call {2}ICRQ hides .*Call Serial Number \d+/);
  expect(seen).toMatch(/data {2}call {2}attach/);
  const dissected = await dissect(file);
  // tshark counts our comments among its expert's words too.
  const wrong = ['-n', '-r', file, '-Y', '_ws.expert.severity == "Error" || _ws.malformed'];
  expect((await execa('tshark', wrong, { stdin: 'ignore' })).stdout).toBe('');
  expect(sentMessages(dissected, lacAddress)).toEqual(expect.arrayContaining(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN']));
  const { stdout: comments } = await execa('tshark', ['-n', '-r', file, '-T', 'fields', '-e', 'frame.comment']);
  expect(comments).toContain('Host Name: our-lns');
  expect(comments).toMatch(/Call Serial Number: \d+ \(hidden\)/);
  for (const text of [seen, comments, lac.process.output]) {
    expect(text).not.toContain(tunnelSecret);
    expect(text).not.toContain('open-sesame');
  }
  expect((await readFile(file)).includes(tunnelSecret)).toBe(false);
});

test('declared traces are lines of the log', async () => {
  await lac.declare('all.yaml', secrets(), tunnelDocument({ trace: ['fsm'] }));
  await lac.start();
  await until('the trace', async () => lac.process.output.includes('"trace":"fsm","tunnel":"to-lns"'));
});

test('hooks hear of ups and downs in their order, with the object, and a failure is an event', async () => {
  const log = join(lab.directory, 'hooks.log');
  const hook = join(lac.directory, 'hook.sh');
  await lns.declare('all.yaml', ...lnsDocuments());
  const command = ['./hook.sh', log];
  const hooks = { tunnelUp: { command }, tunnelDown: { command }, sessionUp: { command }, sessionDown: { command } };
  await lac.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument('call', 'ppp7'));
  await writeFile(
    hook,
    `#!/bin/sh
state=$(grep -o '"kind":"[A-Za-z]*"' | head -1)
echo "$PROL2TP_EVENT $PROL2TP_TUNNEL $PROL2TP_SESSION $PROL2TP_USER $PROL2TP_INTERFACE $PROL2TP_PEER_ADDRESS $state" >> "$1"
if [ "$PROL2TP_EVENT" = sessionDown ]; then echo sorry >&2; exit 3; fi
`,
  );
  await chmod(hook, 0o755);
  await lac.declare('gateway.yaml', resource('Gateway', 'lac', { hooks }));
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  const lines = async () => (await readFile(log, 'utf8').catch(() => '')).trim().split('\n');
  await until('both ups', async () => (await lines()).length === 2);
  await lac.declare('all.yaml', secrets(), tunnelDocument());
  await lac.saysEvent({ kind: 'Session', name: 'call', message: /sessionDown: .*hook\.sh: exit code 3: sorry/ });
  await lac.stop();
  expect(await lines()).toEqual([
    'tunnelUp to-lns    192.0.2.2 "kind":"Tunnel"',
    'sessionUp to-lns call alice ppp7 192.0.2.2 "kind":"Session"',
    'sessionDown to-lns call alice ppp7 192.0.2.2 "kind":"Session"',
    'tunnelDown to-lns    192.0.2.2 "kind":"Tunnel"',
  ]);
});

test('a plugin hears of calls, and one that cannot be loaded stops nothing', async () => {
  await lns.declare('all.yaml', ...lnsDocuments());
  await lac.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument());
  const module = fileURLToPath(new URL('../../examples/plugins/realms.mjs', import.meta.url));
  const plugins = [
    { name: 'realms', module },
    { name: 'missing', module: './missing.mjs' },
  ];
  await lac.declare('gateway.yaml', resource('Gateway', 'lac', { plugins }));
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  await until('the plugin', async () => lac.process.output.includes('call of alice: sessionUp'));
  const [error] = await lac.errors();
  expect(error).toMatchObject({
    resource: 'Gateway',
    message: expect.stringMatching(/^plugin missing cannot be .*ENOENT/),
  });
  expect(error.file).toMatch(/missing\.mjs$/);
  const messages = (await lac.events()).map(({ message }) => message);
  expect(messages.join('\n')).toMatch(/missing\.mjs: .*plugin missing cannot be/);
});

test('a plugin chooses the tunnel of a call by the realm of its user', async () => {
  const farHost = await lab.namespace('far');
  const ends = [
    { device: 'uplink', addresses: ['198.51.100.1/24'] },
    { device: wire, addresses: ['198.51.100.2/24'] },
  ] as const;
  await lab.link(lnsHost, ends[0], farHost, ends[1]);
  const far = new Daemon(farHost);
  await far.declare('all.yaml', ...lnsDocuments({ listen: '198.51.100.2' }));
  await far.declare(
    'bob.yaml',
    resource('Subscriber', 'bob', { userName: 'bob@isp.example', passwordRef: { name: 'secrets', key: 'alice' } }),
  );
  const module = fileURLToPath(new URL('../../examples/plugins/realms.mjs', import.meta.url));
  const plugins = [{ name: 'realms', module, config: { tunnels: { 'isp.example': ['onward'] } } }];
  await lns.declare('all.yaml', ...lnsDocuments({ gateway: { plugins } }));
  await lns.declare(
    'switching.yaml',
    resource('SessionProfile', 'default', {
      forward: { rules: [{ realm: '*', plugin: 'realms', tunnels: ['nowhere'] }] },
    }),
    resource('Tunnel', 'onward', { remoteAddress: '198.51.100.2', persist: true }),
    resource('Tunnel', 'nowhere', { remoteAddress: '198.51.100.77', persist: true }),
  );
  const passwordRef = { name: 'secrets', key: 'alice' };
  const session = resource('Session', 'call', { tunnel: 'to-lns', userName: 'bob@isp.example', passwordRef });
  await lac.declare('all.yaml', secrets(), tunnelDocument(), session);
  await far.start();
  await lns.start();
  await lns.tunnelReady('onward');
  await lac.start();
  await lac.sessionReady('call');
  const switched = (await lns.sessions()).filter(({ status }) => status.switchedWith !== undefined);
  expect(switched.map(({ status }) => status.tunnel)).toContain('onward');
});
