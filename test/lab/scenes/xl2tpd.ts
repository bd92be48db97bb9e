import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../../netns/lab.ts';
import type { Process } from '../../netns/process.ts';
import { until } from '../../netns/until.ts';

/** One `[lac]` or `[lns]` section of xl2tpd.conf, with its pppd's options. */
export interface Section {
  /** Its name, and that of the call's network device. */
  name: string;
  xl2tpd: readonly string[];
  pppd: readonly string[];
}

export interface Xl2tpdOptions {
  role: 'lac' | 'lns';
  /** Where it listens: an address of its namespace. */
  address: string;
  /** The secret that it shares with every peer. */
  secret: string;
  sections: readonly Section[];
}

/** xl2tpd whose calls are the kernel's: pppd negotiates, and the kernel's pppol2tp carries. */
export class Xl2tpd {
  readonly #directory: string;
  readonly process: Process;

  private constructor(directory: string, process: Process) {
    this.#directory = directory;
    this.process = process;
  }

  /** Resolves when it takes orders. */
  static async start(namespace: Namespace, options: Xl2tpdOptions): Promise<Xl2tpd> {
    const directory = join(namespace.lab.directory, `${namespace.name}-xl2tpd`);
    await mkdir(directory, { recursive: true });
    const file = (name: string) => join(directory, name);
    const conf = ['[global]', `listen-addr = ${options.address}`, `auth file = ${file('secrets')}`];
    conf.push('debug tunnel = yes', 'debug state = yes', 'debug avp = yes');
    for (const { name, xl2tpd, pppd } of options.sections) {
      conf.push(`[${options.role} ${name}]`, `hostname = ${name}`, `pppoptfile = ${file(`${name}.options`)}`);
      conf.push('length bit = yes', ...xl2tpd);
      const common = ['debug', 'nodefaultroute', 'novj', 'mtu 1400', 'mru 1400', `ifname ${name}`];
      const lines = [...common, `logfile ${file(`${name}.log`)}`, ...pppd, ''];
      await writeFile(file(`${name}.options`), lines.join('\n'));
    }
    await writeFile(file('conf'), `${conf.join('\n')}\n`);
    await writeFile(file('secrets'), `* * ${options.secret}\n`, { mode: 0o600 });
    const args = ['-D', '-c', file('conf'), '-C', file('control'), '-p', file('pid')];
    const process = namespace.spawn('xl2tpd', args);
    await process.says(/Listening on IP address/);
    await until('the control pipe of xl2tpd', async () => (await stat(file('control'))).isFIFO());
    return new Xl2tpd(directory, process);
  }

  /** As LAC: places the call of a section. */
  async dial(name: string): Promise<void> {
    await writeFile(join(this.#directory, 'control'), `c ${name}`);
  }

  /** As LAC: ends the call of a section. */
  async hangUp(name: string): Promise<void> {
    await writeFile(join(this.#directory, 'control'), `d ${name}`);
  }

  /** What pppd says of a section's calls. */
  async pppd(name: string): Promise<string> {
    return await readFile(join(this.#directory, `${name}.log`), 'utf8').catch(() => '(pppd has not run)');
  }
}

/** The flags of the kernel's session that carries a device: R and S for required and sent sequence numbers. */
export async function kernelSession(
  namespace: Namespace,
  device: string,
): Promise<{ required: boolean; sent: boolean }> {
  const table = await namespace.run('cat', '/proc/net/pppol2tp');
  const session = table.split(/^ {2}SESSION /m).find((text) => text.trimEnd().endsWith(`interface ${device}`));
  const flags = session?.match(/^ {3}\d+\/\d+\/([R-])\/([S-])\/(LNS|LAC)/m);
  if (!flags) throw new Error(`the kernel has no session for ${device}:\n${table}`);
  return { required: flags[1] === 'R', sent: flags[2] === 'S' };
}
