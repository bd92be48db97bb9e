import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from './lab.ts';
import type { Process } from './process.ts';
import { until } from './until.ts';

/** A running tcpdump. */
export class Capture {
  readonly path: string;
  readonly #namespace: Namespace;
  readonly #device: string;
  readonly #process: Process;

  private constructor(namespace: Namespace, device: string, filter: string | undefined) {
    this.#namespace = namespace;
    this.#device = device;
    this.path = join(namespace.lab.directory, `${namespace.name}-${randomUUID()}.pcap`);
    const args = ['--immediate-mode', '-U', '-n', '-s', '0', '-i', device, '-w', this.path, '-Z', 'root'];
    // The mark of `flush` must always be taken.
    if (filter !== undefined) args.push(`(${filter}) or udp port 9`);
    this.#process = namespace.spawn('tcpdump', args);
  }

  static async start(namespace: Namespace, device: string, filter?: string): Promise<Capture> {
    const capture = new Capture(namespace, device, filter);
    await capture.#process.says(/listening on/);
    return capture;
  }

  /**
   * Waits until everything sent so far is in the file: sends a marked datagram through the device (to the discard
   * port of the link's all-hosts group) and waits for its octets.
   */
  async flush(): Promise<void> {
    const mark = randomUUID();
    const address = await this.#namespace.ipv4Address(this.#device);
    await this.#namespace.run('node', '-e', sendMark, address, mark);
    await until('the capture to reach its file', async () => (await readFile(this.path)).includes(mark));
  }

  /** Flushes, ends the capture and gives the file's path. */
  async stop(): Promise<string> {
    await this.flush();
    await this.#process.stop('SIGINT');
    return this.path;
  }
}

const sendMark = `
const [address, mark] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4').bind(0, address, () => {
  socket.setMulticastInterface(address);
  socket.send(mark, 9, '224.0.0.1', () => socket.close());
});`;
