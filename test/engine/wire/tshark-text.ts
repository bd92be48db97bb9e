/** What tshark says about our octets: it must be installed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AvpValues } from '../../../src/engine/wire/avp.ts';

/** The L2TP of a capture as tshark tells it, one text for each datagram. */
export function dissect(capture: Uint8Array, ...options: string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'wire-'));
  try {
    const file = join(directory, 'messages.pcap');
    writeFileSync(file, capture);
    const report = execFileSync('tshark', ['-r', file, '-O', 'l2tp', ...options], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return report.split(/^Layer 2 Tunneling Protocol.*$/m).slice(1);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** How many AVPs these values are. */
export function countOf(avps: AvpValues): number {
  return Object.values<unknown>(avps).reduce<number>((sum, value) => {
    const isList = Array.isArray(value) && typeof value[0] === 'object';
    return sum + (isList ? value.length : 1);
  }, 0);
}

export function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** Which of these lines are not there, in the order of the message. */
export function missing(text: string, values: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/^[ .01]* = /, '').trim());
  let from = 0;
  return values.split('\n').filter((value) => {
    const at = lines.indexOf(value.trim(), from);
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

/** What it says of an AVP that it does not know. */
export const strangeAvp = /^ {4}Unknown \((\d+)\) AVP\n(?: {8}.*\n)*/gm;
