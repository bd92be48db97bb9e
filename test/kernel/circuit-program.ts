/** A program that is a circuit, for tests: the other end of a pseudowire's unix datagram socket. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checked, errnoName, native } from '../../src/kernel/native.ts';
import { until } from '../netns/until.ts';

const unix = 1;
const datagram = 2;

export interface ProgramMessage {
  type: number;
  value: number;
  body: number[];
}

export const message = { attach: 1, attached: 2, refused: 3, detach: 4, status: 5, keepalive: 6, data: 7 } as const;

export function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'circuits-'));
}

function addressOf(path: string): Uint8Array {
  return Uint8Array.of(unix, 0, ...Buffer.from(path), 0);
}

export class Program {
  readonly #fd: number;
  readonly #to: Uint8Array;

  /** Without a path of its own, nobody can answer it. */
  constructor(to: string, path?: string) {
    this.#to = addressOf(to);
    this.#fd = checked(native.socket(unix, datagram, 0), 'socket');
    if (path !== undefined) checked(native.bind(this.#fd, addressOf(path)), path);
  }

  /** Answers the name of the error, if there is one. */
  sendOctets(octets: Uint8Array): string | undefined {
    const result = native.sendTo(this.#fd, octets, 0, octets.length, this.#to);
    return result < 0 ? errnoName(result) : undefined;
  }

  send(type: number, value = 0, body: readonly number[] = []): string | undefined {
    return this.sendOctets(Uint8Array.of(1, type, value >> 8, value & 0xff, ...body));
  }

  attach(pseudowireType: number, status = 1): void {
    this.send(message.attach, status, [pseudowireType >> 8, pseudowireType & 0xff]);
  }

  receive(): ProgramMessage | undefined {
    const octets = new Uint8Array(65_536);
    const length = native.receiveFrom(this.#fd, octets, new Uint8Array(110));
    if (length < 0) return undefined;
    const [version, type, high, low, ...body] = octets.subarray(0, length);
    if (version !== 1) throw new Error(`a message of version ${version}`);
    return { type, value: (high << 8) | low, body };
  }

  /** The next message that is no keepalive. */
  next(): Promise<ProgramMessage> {
    return until('a message to the program', () => {
      for (let received = this.receive(); received !== undefined; received = this.receive()) {
        if (received.type !== message.keepalive) return received;
      }
      return undefined;
    });
  }

  close(): void {
    native.close(this.#fd);
  }
}
