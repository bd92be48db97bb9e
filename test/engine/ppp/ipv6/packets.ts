/** What peers send to a link's router, built from the RFCs' figures and not by the source's means; and a router to hear it. */
import type { PppEffect } from '../../../../src/engine/ppp/events.ts';
import { Ipv6Router } from '../../../../src/engine/ppp/ipv6/router.ts';
import type { RouterSpec } from '../../../../src/engine/ppp/ipv6/spec.ts';
import { parseIpv6, parseIpv6Prefix } from '../../../../src/engine/wire/ipv6.ts';
import { seededRandom } from '../pair.ts';

export function address(text: string): Uint8Array {
  const value = parseIpv6(text) ?? -1n;
  return Uint8Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * (15 - i))) & 0xffn));
}

export function prefixOf(text: string) {
  const prefix = parseIpv6Prefix(text);
  if (prefix === undefined) throw new Error(`no prefix: ${text}`);
  return prefix;
}

export const OURS = 'fe80::1:2';
export const PEER = 'fe80::a:b';

export function routerSpec(changes: Partial<RouterSpec> = {}): RouterSpec {
  return {
    localInterfaceId: 0x10002n,
    remoteInterfaceId: 0xa000bn,
    mtu: 1492,
    prefix: prefixOf('2001:db8:0:7::/64'),
    delegated: prefixOf('2001:db8:100::/56'),
    dns: [parseIpv6('2001:db8::53') ?? 0n, parseIpv6('2001:db8::54') ?? 0n],
    ...changes,
  };
}

const u16 = (value: number) => [(value >> 8) & 255, value & 255];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];

interface Envelope {
  from?: string;
  to?: string;
  hopLimit?: number;
  badChecksum?: boolean;
  sourcePort?: number;
  destinationPort?: number;
  /** That the datagram claims, instead of its own. */
  udpOctets?: number;
}

function sum(octets: readonly number[]): number {
  let total = 0;
  for (let i = 0; i < octets.length; i += 2) total += octets[i] * 256 + (octets[i + 1] ?? 0);
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return 0xffff - total;
}

/** RFC 8200 3; `checksumAt`: in the payload. */
function packet(nextHeader: number, payload: number[], checksumAt: number, envelope: Envelope): Uint8Array {
  const { from = PEER, to = 'ff02::2', hopLimit = 255, badChecksum = false } = envelope;
  const ends = [...address(from), ...address(to)];
  const checksum = sum([...ends, ...u32(payload.length), ...u32(nextHeader), ...payload]);
  payload.splice(checksumAt, 2, ...u16(badChecksum ? checksum ^ 1 : checksum));
  return Uint8Array.of(0x60, 0, 0, 0, ...u16(payload.length), nextHeader, hopLimit, ...ends, ...payload);
}

/** RFC 4861 4.1. */
export function solicitation(
  envelope: Envelope & { options?: number[]; code?: number; type?: number } = {},
): Uint8Array {
  const { options = [], code = 0, type = 133 } = envelope;
  return packet(58, [type, code, 0, 0, 0, 0, 0, 0, ...options], 2, envelope);
}

/** A DHCPv6 message in a datagram (RFC 8415 8). */
export function dhcp(type: number, options: readonly number[][], envelope: Envelope = {}): Uint8Array {
  const message = [type, 0x11, 0x22, 0x33, ...options.flat()];
  const { sourcePort = 546, destinationPort = 547, udpOctets = 8 + message.length } = envelope;
  const payload = [...u16(sourcePort), ...u16(destinationPort), ...u16(udpOctets), 0, 0, ...message];
  return packet(17, payload, 6, { to: 'ff02::1:2', hopLimit: 64, ...envelope });
}

export function option(type: number, ...data: number[]): number[] {
  return [...u16(type), ...u16(data.length), ...data];
}

export const CLIENT_DUID = [0, 3, 0, 1, 2, 0, 0, 0, 0, 9];
export const SERVER_DUID = [...Buffer.from('000487896fc2cc6f45a49e8acdb498ca88fc', 'hex')];
export const clientId = option(1, ...CLIENT_DUID);
export const serverId = option(2, ...SERVER_DUID);

export function iaPrefix(text: string): number[] {
  const [of, length] = text.split('/');
  return option(26, ...u32(1), ...u32(2), Number(length), ...address(of));
}

export function iaAddress(text: string): number[] {
  return option(5, ...address(text), ...u32(1), ...u32(2));
}

export function iaPd(iaid: number, ...options: number[][]): number[] {
  return option(25, ...u32(iaid), ...u32(0), ...u32(0), ...options.flat());
}

export function iaNa(iaid: number, ...options: number[][]): number[] {
  return option(3, ...u32(iaid), ...u32(0), ...u32(0), ...options.flat());
}

export function iaTa(iaid: number, ...options: number[][]): number[] {
  return option(4, ...u32(iaid), ...options.flat());
}

/** A router, and what it has sent: the packets without PPP's header, with their times. */
export class RouterBench {
  now = 1_000;
  readonly router: Ipv6Router;
  readonly sent: { at: number; frame: Uint8Array; packet: Uint8Array }[] = [];

  constructor(changes: Partial<RouterSpec> = {}, seed = 1) {
    this.router = new Ipv6Router(routerSpec(changes), seededRandom(seed));
    this.router.start(this.now);
  }

  private take(effect: PppEffect): void {
    if (effect.effect !== 'frame') throw new Error(effect.effect);
    this.sent.push({ at: this.now, frame: effect.frame, packet: effect.frame.subarray(4) });
  }

  /** The answers that come at once. In a larger buffer that is overwritten afterwards, as a receive buffer is. */
  hear(octets: Uint8Array): Uint8Array[] {
    const before = this.sent.length;
    const bytes = new Uint8Array(octets.length + 9).fill(0xee);
    bytes.set(octets, 3);
    this.router.receive(bytes, 3, 3 + octets.length, this.now, { push: (effect) => this.take(effect) });
    bytes.fill(0x55);
    return this.sent.slice(before).map(({ packet: answer }) => answer);
  }

  run(forMs: number): void {
    const until = this.now + forMs;
    while (this.router.timerAt !== 0 && this.router.timerAt <= until) {
      this.now = Math.max(this.now, this.router.timerAt);
      this.router.tick(this.now, { push: (effect) => this.take(effect) });
    }
    this.now = until;
  }
}
