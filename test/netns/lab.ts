import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Capture } from './capture.ts';
import { Process, type SpawnOptions } from './process.ts';

const prefix = 'pl2tp-';

/** One end of a link: the device's name in its namespace and its addresses with prefix lengths. */
export interface LinkEnd {
  device: string;
  addresses: readonly string[];
}

/**
 * Network namespaces of one test, and everything that runs in them. Names carry this process's id, so labs of
 * parallel test files never meet, and a lab that a killed run left behind is removed by the next one.
 */
export class Lab {
  static #count = 0;
  readonly #id: string;
  /** A scratch directory that goes away with the lab. */
  readonly directory: string;
  readonly #namespaces: Namespace[] = [];
  readonly #processes: Process[] = [];

  private constructor(id: string, directory: string) {
    this.#id = id;
    this.directory = directory;
  }

  /** @throws Error when namespaces cannot be made here (not root). */
  static async open(): Promise<Lab> {
    await removeLeftovers();
    Lab.#count += 1;
    const id = `${prefix}${process.pid}-${Lab.#count}`;
    return new Lab(id, await mkdtemp(join(tmpdir(), `${id}-`)));
  }

  async namespace(label: string): Promise<Namespace> {
    const namespace = new Namespace(this, `${this.#id}-${label}`);
    await ip('netns', 'add', namespace.name);
    this.#namespaces.push(namespace);
    await ip('-n', namespace.name, 'link', 'set', 'lo', 'up');
    return namespace;
  }

  /** Joins two namespaces by a veth pair. */
  async link(a: Namespace, endA: LinkEnd, b: Namespace, endB: LinkEnd): Promise<void> {
    // biome-ignore format: one command, one line
    await ip('link', 'add', endA.device, 'netns', a.name, 'type', 'veth', 'peer', 'name', endB.device, 'netns', b.name);
    for (const [namespace, end] of [
      [a, endA],
      [b, endB],
    ] as const) {
      for (const address of end.addresses) await namespace.addAddress(end.device, address);
      // Datagrams sent in one go (UDP_SEGMENT) cross as single packets, as they do outside: captures see each.
      await namespace.ip('link', 'set', end.device, 'gso_max_segs', '1', 'up');
    }
  }

  /** Starts a program outside the lab's namespaces; it ends with the lab. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): Process {
    const process = new Process(command, args, options);
    this.#processes.push(process);
    return process;
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    for (const namespace of this.#namespaces) await removeNamespace(namespace.name);
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class Namespace {
  readonly lab: Lab;
  readonly name: string;

  constructor(lab: Lab, name: string) {
    this.lab = lab;
    this.name = name;
  }

  /** Runs a program to its end. @throws ExecaError with its output when it fails. */
  async run(command: string, ...args: string[]): Promise<string> {
    const result = await execa('ip', ['netns', 'exec', this.name, command, ...args], { stdin: 'ignore', all: true });
    return result.all;
  }

  /** Runs a program to its end and tells how it ended, good or bad. */
  async attempt(command: string, ...args: string[]): Promise<{ ok: boolean; output: string }> {
    const options = { stdin: 'ignore', all: true, reject: false } as const;
    const result = await execa('ip', ['netns', 'exec', this.name, command, ...args], options);
    return { ok: result.exitCode === 0, output: result.all };
  }

  /** Starts a program; it ends with the lab at the latest. `ip netns exec` becomes the program: signals reach it. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): Process {
    return this.lab.spawn('ip', ['netns', 'exec', this.name, command, ...args], options);
  }

  async ip(...args: string[]): Promise<string> {
    return await ip('-n', this.name, ...args);
  }

  async addAddress(device: string, address: string): Promise<void> {
    await this.ip('address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []));
  }

  /** The device's first IPv4 address. */
  async ipv4Address(device: string): Promise<string> {
    const [link]: { addr_info: { local: string }[] }[] = JSON.parse(
      await this.ip('-j', '-4', 'address', 'show', device),
    );
    const address = link?.addr_info[0]?.local;
    if (address === undefined) throw new Error(`${device} has no IPv4 address`);
    return address;
  }

  async pings(address: string, ...options: string[]): Promise<boolean> {
    return (await this.attempt('ping', '-c', '1', '-W', '1', ...options, address)).ok;
  }

  /** The programs that run in the namespace. */
  async programs(): Promise<{ pid: number; name: string }[]> {
    const pids = (await ip('netns', 'pids', this.name)).split('\n').filter(Boolean);
    const name = (pid: string) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    return await Promise.all(pids.map(async (pid) => ({ pid: Number(pid), name: (await name(pid)).trim() })));
  }

  /** From now on the device's other end has no carrier and silently drops everything. */
  async cut(device: string): Promise<void> {
    await this.ip('link', 'set', device, 'down');
  }

  /** Undoes `cut`. The kernel has dropped this end's IPv6 addresses. */
  async mend(device: string): Promise<void> {
    await this.ip('link', 'set', device, 'up');
  }

  /**
   * Writes the device's traffic to a file; resolves when nothing can be missed any more. Where more comes than can be
   * written in time, a filter (pcap-filter(7)) keeps what matters.
   */
  async capture(device: string, filter?: string): Promise<Capture> {
    return await Capture.start(this, device, filter);
  }
}

async function ip(...args: string[]): Promise<string> {
  return (await execa('ip', args, { stdin: 'ignore' })).stdout;
}

async function namespaceNames(): Promise<string[]> {
  return (await ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0]);
}

/** Ends what still runs in the namespace (children that a program left behind), then removes it. */
async function removeNamespace(name: string): Promise<void> {
  for (const pid of (await ip('netns', 'pids', name)).split('\n').filter(Boolean)) kill(Number(pid));
  await ip('netns', 'delete', name);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ESRCH';
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isGone(error);
  }
}

/** Whether a namespace or directory is of a lab whose process is gone. */
function isLeftover(name: string): boolean {
  const pid = name.match(new RegExp(`^${prefix}(\\d+)-`))?.[1];
  return pid !== undefined && !isRunning(Number(pid));
}

/** Two labs may see the same leftovers at once: what the other one has removed is no failure. */
async function removeLeftovers(): Promise<void> {
  for (const name of (await namespaceNames()).filter(isLeftover)) {
    await removeNamespace(name).catch(async (error: unknown) => {
      if ((await namespaceNames()).includes(name)) throw error;
    });
  }
  for (const name of (await readdir(tmpdir())).filter(isLeftover)) {
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}
