import { open } from 'node:fs/promises';
import type { DroppedNote, TraceLine } from '../api/types.ts';
import type { ApiClient } from './client.ts';
import { CliError } from './errors.ts';
import { printable } from './format.ts';
import type { Terminal } from './terminal.ts';

export interface TraceOptions {
  categories?: string;
  pcapng?: string;
  maxPackets: string;
  output: 'text' | 'json';
}

/** `trace KIND [NAME]`: shows what happens, or captures it, until interrupted. */
export async function trace(
  client: ApiClient,
  terminal: Terminal,
  kind: string,
  name: string | undefined,
  options: TraceOptions,
): Promise<number> {
  if ((kind === 'system') !== (name === undefined)) {
    throw new CliError(kind === 'system' ? 'system has no name' : `trace ${kind} NAME: which ${kind}?`);
  }
  const path = `/v1/trace/${[kind, ...(name === undefined ? [] : [name])].map(encodeURIComponent).join('/')}`;
  const query = new URLSearchParams();
  if (options.categories !== undefined) query.set('categories', options.categories);
  const signal = terminal.signal ?? untilInterrupted();
  if (options.pcapng !== undefined) {
    query.set('format', 'pcapng');
    query.set('packets', options.maxPackets);
    return capture(client, terminal, `${path}?${query}`, options.pcapng, signal);
  }
  for await (const line of client.follow<TraceLine | DroppedNote>(`${path}?${query}`, signal)) {
    if ('dropped' in line) terminal.err(`(${line.dropped} traces came too fast and are left out)\n`);
    else terminal.out(`${options.output === 'json' ? JSON.stringify(line) : textOf(line)}\n`);
  }
  return 0;
}

function textOf({ time, category, tunnel, session, message, error }: TraceLine): string {
  const subject = session ?? tunnel;
  return printable([time, category, ...(subject ? [subject] : []), `${error ? '! ' : ''}${message}`].join('  '));
}

/** Interrupted at any time, the file ends with a whole block. */
async function capture(
  client: ApiClient,
  terminal: Terminal,
  path: string,
  file: string,
  signal: AbortSignal,
): Promise<number> {
  const chunks = await client.octets(path, signal);
  const into = await open(file, 'w', 0o600);
  let packets = 0;
  try {
    for await (const block of blocksOf(chunks)) {
      if (block.readUInt32LE(0) === packetBlock) packets++;
      await into.write(block);
    }
  } finally {
    await into.close();
  }
  terminal.err(`${packets} packets in ${file}\n`);
  return 0;
}

/** pcapng's Enhanced Packet Block. */
const packetBlock = 6;

/** Each begins with its type and its length. */
async function* blocksOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8 && rest.length >= rest.readUInt32LE(4)) {
      const octets = rest.readUInt32LE(4);
      yield rest.subarray(0, octets);
      rest = rest.subarray(octets);
    }
  }
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
