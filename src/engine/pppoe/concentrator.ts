/**
 * An access concentrator on one Ethernet interface: PPPoE discovery (RFC 2516 5). Up to a client's PADR it keeps
 * nothing: the cookie in its PADO, which the PADR brings back, proves that the client can be reached.
 */

import { createHmac } from 'node:crypto';
import type { TerminateCause } from '../aaa.ts';
import { type EngineCore, freeId } from '../core.ts';
import { append, type EngineEffect, type Instant } from '../effects.ts';
import type { PppoeServerSpec } from '../spec.ts';
import { equalBytes, hexOf } from '../wire/bytes.ts';
import { type DiscoveryPacket, type DiscoveryType, encodeDiscovery, type Tag, tagOf } from './packet.ts';
import { macText, PppoeSession } from './session.ts';

/** RFC 2516 gives session ids 16 bits, and reserves 0xffff. */
const sessionIds = { min: 1, max: 0xfffe };
/** More calls of one client than this are no client's. */
const maxSessionsPerClient = 256;
const cookieOctets = 16;

const encoder = new TextEncoder();
const noOctets = new Uint8Array(0);

export class Concentrator {
  spec: PppoeServerSpec;
  /** Why the system does not let it serve. */
  failure: string | undefined;
  /** Its sessions by client and Host-Uniq, to know a PADR that comes again. */
  private readonly byRequest = new Map<string, PppoeSession>();
  private readonly perClient = new Map<string, number>();
  private readonly core: EngineCore;
  private readonly cookieKey: Uint8Array;

  constructor(core: EngineCore, spec: PppoeServerSpec) {
    this.core = core;
    this.spec = spec;
    this.cookieKey = core.random.bytes(cookieOctets);
  }

  get sessions(): number {
    return this.byRequest.size;
  }

  discovery(packet: DiscoveryPacket, peer: Uint8Array, now: Instant): EngineEffect[] {
    switch (packet.type) {
      case 'PADI':
        return this.offer(packet, peer);
      case 'PADR':
        return this.request(packet, peer, now);
      case 'PADT':
        return this.core.pppoe.get(packet.sessionId)?.terminated(peer, this.spec.interface, now) ?? [];
      case 'PADO':
      case 'PADS':
        return [];
      default:
        return packet.type satisfies never;
    }
  }

  /** Ends all sessions: the server is no more. */
  close(message: string, cause: TerminateCause, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const session of [...this.byRequest.values()]) {
      append(out, session.end({ resultCode: { result: 3, error: 0, message }, cause }, true, now));
    }
    return out;
  }

  /** RFC 2516 5.2: who cannot serve does not answer. */
  private offer(packet: DiscoveryPacket, peer: Uint8Array): EngineEffect[] {
    const { serviceNames, acName } = this.spec;
    const service = tagOf(packet, 'serviceName');
    if (service === undefined || packet.sessionId !== 0 || !this.serves(service)) return [];
    if (this.isFull(peer) || !this.hasWay) return [];
    const others = serviceNames.map((name) => encoder.encode(name)).filter((name) => !equalBytes(name, service));
    return this.answer('PADO', 0, packet, peer, [
      ['acName', encoder.encode(acName)],
      ['serviceName', service],
      ...others.map((name): Tag => ['serviceName', name]),
      ['acCookie', this.cookie(peer)],
    ]);
  }

  private request(packet: DiscoveryPacket, peer: Uint8Array, now: Instant): EngineEffect[] {
    const service = tagOf(packet, 'serviceName');
    const cookie = tagOf(packet, 'acCookie');
    if (service === undefined || cookie === undefined || packet.sessionId !== 0) return [];
    if (!equalBytes(cookie, this.cookie(peer))) return [];
    if (!this.serves(service)) return this.refuse(packet, peer, service, 'serviceNameError', 'no such service here');
    const client = macText(peer);
    const key = `${client} ${hexOf(tagOf(packet, 'hostUniq') ?? noOctets)}`;
    const known = this.byRequest.get(key);
    const out: EngineEffect[] = [];
    if (known) {
      // Our PADS was lost; or, after a word of PPP, the client has begun anew.
      if (!known.heard) return this.accept(packet, peer, service, known.id);
      const message = 'the client asks for a new session';
      append(out, known.end({ resultCode: { result: 1, error: 0, message } }, false, now));
    }
    const id = this.isFull(peer) ? undefined : freeId(this.core.random, sessionIds, this.core.pppoe);
    if (id === undefined) return [...out, ...this.refuse(packet, peer, service, 'acSystemError', 'no more sessions')];
    const session = new PppoeSession(this.core, this.spec, id, peer, packet.tags, () => this.ended(key, client));
    this.byRequest.set(key, session);
    this.perClient.set(client, (this.perClient.get(client) ?? 0) + 1);
    this.core.pppoe.set(id, session);
    append(out, this.accept(packet, peer, service, id));
    append(out, session.begin(now));
    return out;
  }

  private ended(key: string, client: string): void {
    this.byRequest.delete(key);
    const left = (this.perClient.get(client) ?? 1) - 1;
    if (left > 0) this.perClient.set(client, left);
    else this.perClient.delete(client);
  }

  private accept(packet: DiscoveryPacket, peer: Uint8Array, service: Uint8Array, id: number): EngineEffect[] {
    return this.answer('PADS', id, packet, peer, [['serviceName', service]]);
  }

  private refuse(
    packet: DiscoveryPacket,
    peer: Uint8Array,
    service: Uint8Array,
    error: 'serviceNameError' | 'acSystemError',
    message: string,
  ): EngineEffect[] {
    return this.answer('PADS', 0, packet, peer, [
      ['serviceName', service],
      [error, encoder.encode(message)],
    ]);
  }

  /** Host-Uniq and Relay-Session-Id go back as they came (RFC 2516 Appendix A). */
  private answer(
    type: DiscoveryType,
    sessionId: number,
    request: DiscoveryPacket,
    peer: Uint8Array,
    tags: readonly Tag[],
  ): EngineEffect[] {
    const echoed = request.tags.filter(([name]) => name === 'hostUniq' || name === 'relaySessionId');
    const packet = encodeDiscovery({ type, sessionId, tags: [...echoed, ...tags] });
    return [{ effect: 'discovery', interface: this.spec.interface, peer, packet }];
  }

  /** Whether a call could go on now: some tunnel of the rules is up, or a plugin or the AAA may know one. */
  private get hasWay(): boolean {
    if (this.core.gateway.drain) return false;
    const rules = this.spec.session.forward?.rules ?? [];
    return rules.some(
      ({ plugin, aaa, tunnels }) =>
        plugin !== undefined || aaa === true || tunnels.some((name) => this.core.takesCalls(name)),
    );
  }

  private serves(service: Uint8Array): boolean {
    const { serviceNames } = this.spec;
    if (serviceNames.length === 0 || service.length === 0) return true;
    return serviceNames.some((name) => equalBytes(encoder.encode(name), service));
  }

  private isFull(peer: Uint8Array): boolean {
    const { maxSessions } = this.spec;
    const { gateway, pppoe, sessions } = this.core;
    // There would be no room for the call that goes on.
    if (gateway.maxSessions > 0 && sessions.size >= gateway.maxSessions) return true;
    if (gateway.drain || pppoe.size >= sessionIds.max || (maxSessions > 0 && this.sessions >= maxSessions)) return true;
    return (this.perClient.get(macText(peer)) ?? 0) >= maxSessionsPerClient;
  }

  private cookie(peer: Uint8Array): Uint8Array {
    const digest = createHmac('sha256', this.cookieKey).update(peer).digest();
    return new Uint8Array(digest.subarray(0, cookieOctets));
  }
}
