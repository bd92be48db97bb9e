/**
 * What of a session's user packets passes: a list of rules, of which the first that fits decides. What none fits passes.
 *
 * A rule with ports fits only a packet whose ports are seen. Fragments after the first show none: such rules, whether
 * they allow or deny, pass over them. That is safe for those that deny, for nobody puts the rest together without the
 * first; where a list ends with denying everything, a rule without ports must let fragments pass. A packet that should
 * show its transport header but hides it (cut off, or behind more extension headers than anybody sends) is denied, lest
 * it be put together afterwards (RFC 7112 5).
 */
import type { FilterRule } from '../engine/spec.ts';
import { readU16 } from '../engine/wire/bytes.ts';
import { findTransport, newTransport, protocolNumber, type Transport } from './ip-packet.ts';
import { holds, isIpv6Network, type Network, parseNetwork } from './networks.ts';

/** in: from the subscriber. */
export type Direction = 'in' | 'out';

const leastIpOctets = { 4: 20, 6: 40 } as const;
const ipv4Source = 12;
const ipv4Destination = 16;
const ipv6Source = 8;
const ipv6Destination = 24;
const portsOctets = 4;
const anyProtocol = -1;

const transport = newTransport();

interface Rule {
  readonly allows: boolean;
  readonly protocol: number;
  readonly source: Network | undefined;
  readonly destination: Network | undefined;
  readonly sourcePorts: FilterRule['sourcePorts'];
  readonly destinationPorts: FilterRule['destinationPorts'];
}

export class PacketFilter {
  readonly #in: readonly Rule[];
  readonly #out: readonly Rule[];

  /** @throws PlaneError EINVAL when a network is none */
  constructor(rules: readonly FilterRule[]) {
    const compiled = rules.map((rule) => ({ direction: rule.direction, rule: compile(rule) }));
    this.#in = compiled.filter(({ direction }) => direction !== 'out').map(({ rule }) => rule);
    this.#out = compiled.filter(({ direction }) => direction !== 'in').map(({ rule }) => rule);
  }

  /** Judges the IP packet bytes[start, end). */
  permits(direction: Direction, bytes: Uint8Array, start: number, end: number): boolean {
    const rules = direction === 'in' ? this.#in : this.#out;
    if (rules.length === 0) return true;
    const ipv6 = bytes[start] >>> 4 === 6;
    if (end - start < leastIpOctets[ipv6 ? 6 : 4]) return false;
    findTransport(bytes, start, end, transport);
    if (isHidden(transport)) return false;
    for (let i = 0; i < rules.length; i++) {
      if (fits(rules[i], ipv6, bytes, start)) return rules[i].allows;
    }
    return true;
  }
}

function compile({ action, protocol, source, destination, sourcePorts, destinationPorts }: FilterRule): Rule {
  return {
    allows: action === 'allow',
    protocol: protocol ?? anyProtocol,
    source: source === undefined ? undefined : parseNetwork(source),
    destination: destination === undefined ? undefined : parseNetwork(destination),
    sourcePorts,
    destinationPorts,
  };
}

function hasPorts(protocol: number): boolean {
  return protocol === protocolNumber.tcp || protocol === protocolNumber.udp;
}

function isHidden({ at, end, laterFragment, protocol }: Transport): boolean {
  return !laterFragment && (at < 0 || (hasPorts(protocol) && at + portsOctets > end));
}

/** Whether the rule fits the packet whose transport header was found. */
function fits(rule: Rule, ipv6: boolean, bytes: Uint8Array, start: number): boolean {
  const { source, destination, sourcePorts, destinationPorts } = rule;
  if (rule.protocol !== anyProtocol && rule.protocol !== transport.protocol) return false;
  if (!isWithin(source, ipv6, bytes, start + (ipv6 ? ipv6Source : ipv4Source))) return false;
  if (!isWithin(destination, ipv6, bytes, start + (ipv6 ? ipv6Destination : ipv4Destination))) return false;
  if (sourcePorts === undefined && destinationPorts === undefined) return true;
  if (transport.at < 0 || !hasPorts(transport.protocol)) return false;
  return isAmong(sourcePorts, bytes, transport.at) && isAmong(destinationPorts, bytes, transport.at + 2);
}

function isWithin(network: Network | undefined, ipv6: boolean, bytes: Uint8Array, at: number): boolean {
  return network === undefined || (isIpv6Network(network) === ipv6 && holds(network, bytes, at));
}

function isAmong(ports: FilterRule['sourcePorts'], bytes: Uint8Array, at: number): boolean {
  if (ports === undefined) return true;
  const port = readU16(bytes, at);
  return port >= ports.first && port <= ports.last;
}

/** Filters by their rules: sessions with the same list share one. */
export class PacketFilters {
  readonly #known = new WeakMap<readonly FilterRule[], PacketFilter>();

  /**
   * Lists are told apart by identity, and must not change.
   * @throws PlaneError EINVAL when a network is none
   */
  of(rules: readonly FilterRule[]): PacketFilter {
    const known = this.#known.get(rules);
    if (known !== undefined) return known;
    const filter = new PacketFilter(rules);
    this.#known.set(rules, filter);
    return filter;
  }
}
