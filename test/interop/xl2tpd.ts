import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kill } from 'node:process';
import type { Namespace } from '../netns/lab.ts';
import type { Process } from '../netns/process.ts';
import { until } from '../netns/until.ts';

export interface Xl2tpdOptions {
  /** Where it listens: an address of its namespace. */
  address: string;
  hostName: string;
  /** As LAC: more names that it dials with. */
  otherNames?: readonly string[];
  /**
   * Given: it challenges its peer with this secret, and answers challenges. Several: each for one name, of its peer or
   * of its own.
   */
  secret?: string | Readonly<Record<string, string>>;
  /** As LAC: the server that `dial` calls. Absent: it is an LNS. */
  server?: string;
  /** As LAC: calls at once, and again whenever the tunnel has ended. */
  autodial?: boolean;
  /** More lines for its section, as in xl2tpd.conf(5). */
  settings?: readonly string[];
}

/** A running xl2tpd. Its pppd is a dummy that sleeps: calls are established, PPP is never spoken. */
export interface Xl2tpd {
  process: Process;
  /** As LAC: places the call, with another of its names when one is given. */
  dial(name?: string): Promise<void>;
  /** As LAC, with server: asks the server to call this number for it, as only an LNS should (OCRQ). */
  dialOut(number: string): Promise<void>;
  /** As LAC: ends the call. */
  hangUp(): Promise<void>;
  /** Ends its pppd's, as when PPP finishes: it hangs up. */
  endPpp(): Promise<void>;
  /** How many calls it has up: each has a pppd. */
  calls(): Promise<number>;
}

/** As xl2tpd's secrets file has them: our name, the peer's name, secret. */
function secretLines(secret: Xl2tpdOptions['secret']): string[] {
  if (secret === undefined) return [];
  if (typeof secret === 'string') return [`* * ${secret}`];
  return Object.entries(secret).flatMap(([name, of]) => [`* ${name} ${of}`, `${name} * ${of}`]);
}

/** Starts xl2tpd; resolves when it takes orders. */
export async function startXl2tpd(namespace: Namespace, options: Xl2tpdOptions): Promise<Xl2tpd> {
  const directory = join(namespace.lab.directory, `${namespace.name}-xl2tpd`);
  await mkdir(directory, { recursive: true });
  const file = (name: string) => join(directory, name);
  const { hostName, otherNames = [], secret, server } = options;
  const redial = options.autodial ? ['autodial = yes', 'redial = yes', 'redial timeout = 1'] : ['autodial = no'];
  const section = (name: string) => [
    ...(server === undefined
      ? ['[lns default]', 'ip range = 10.9.0.10-10.9.0.20', 'local ip = 10.9.0.1']
      : [`[lac ${name}]`, `lns = ${server}`, ...redial]),
    ...(secret === undefined ? [] : ['challenge = yes']),
    `hostname = ${name}`,
    'require authentication = no',
    `name = ${name}`,
    `pppoptfile = ${file('options')}`,
    'length bit = yes',
    ...(options.settings ?? []),
  ];
  await writeFile(
    file('conf'),
    [
      '[global]',
      'port = 1701',
      `listen-addr = ${options.address}`,
      `auth file = ${file('secrets')}`,
      'debug tunnel = yes',
      'debug state = yes',
      'debug avp = yes',
      ...[hostName, ...otherNames].flatMap(section),
      '',
    ].join('\n'),
  );
  await writeFile(
    file('secrets'),
    secretLines(secret)
      .map((line) => `${line}\n`)
      .join(''),
    { mode: 0o600 },
  );
  await writeFile(file('options'), 'noauth\n');
  await writeFile(file('pppd'), '#!/bin/sh\nexec sleep 1000000\n');
  await chmod(file('pppd'), 0o755);

  const program = 'mount --bind "$0/pppd" /usr/sbin/pppd && exec xl2tpd -D -c "$0/conf" -C "$0/control" -p "$0/pid"';
  const daemon = namespace.spawn('sh', ['-c', program, directory]);
  await daemon.says(/Listening on IP address/);
  await until('the control pipe of xl2tpd', async () => (await stat(file('control'))).isFIFO());
  const pppds = async () => (await namespace.programs()).filter(({ name }) => name === 'sleep');
  const order = (text: string) => writeFile(file('control'), text);
  return {
    process: daemon,
    dial: (name = hostName) => order(`c ${name}`),
    dialOut: (number) => order(`o ${hostName} ${number}`),
    hangUp: () => order(`d ${hostName}`),
    endPpp: async () => {
      for (const { pid } of await pppds()) kill(pid, 'SIGTERM');
    },
    calls: async () => (await pppds()).length,
  };
}
