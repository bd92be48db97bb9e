/**
 * What is said while a control connection is set up (RFC 2661 5.1, 6.1 - 6.3), by us and by the peer, as initiator or
 * responder. When it is said is the tunnel's matter.
 */
import { type EngineCore, randomU64, tunnelLimit } from './core.ts';
import type { Result } from './errors.ts';
import { type QuirkName, quirksOf } from './quirks.ts';
import type { FailureView, PeerSpec, TunnelParameters } from './spec.ts';
import { TunnelAuthentication } from './tunnel-authentication.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Dialect } from './wire/dialect.ts';
import type { ReceivedAvps, SentAvps } from './wire/message-table.ts';

/** What the handshake needs of its tunnel. */
export interface HandshakeTunnel {
  readonly core: EngineCore;
  readonly dialect: Dialect;
  readonly localId: number;
  readonly parameters: TunnelParameters;
}

/** The message that follows, or why there is none. */
type Next<Type extends 'SCCRP' | 'SCCCN'> = { avps: SentAvps<Type>; refusal?: undefined } | { refusal: Result };

/** RFC 2661 4.4.2: general error, an unknown AVP with the M bit. */
const unknownAvp = { result: 2, error: 8 } as const;

export class Handshake {
  /** What the peer says of itself; the host name is undefined until it has. */
  hostName: string | undefined;
  vendorName: string | undefined;
  framing: TunnelParameters['framingCapabilities'] = [];
  /** A peer that says none places no outgoing calls (RFC 2661 4.4.3, Bearer Capabilities). */
  bearer: NonNullable<AvpValues['bearerCapabilities']> = [];
  quirks: ReadonlySet<QuirkName>;
  /** The value in the SCCRQ that we sent. */
  tieBreaker: bigint | undefined;
  /** The DSCP of control messages that the peer offered instead of ours (RFC 3308 3). */
  dscp: number | undefined;
  private readonly tunnel: HandshakeTunnel;
  private readonly authentication = new TunnelAuthentication();

  constructor(tunnel: HandshakeTunnel, profile: PeerSpec | undefined) {
    this.tunnel = tunnel;
    this.quirks = quirksOf(undefined, profile?.quirks);
  }

  /** Whether the peer proved that it knows the secret. */
  get authenticated(): boolean {
    return this.authentication.proved;
  }

  /** The peer introduces itself. */
  meet(avps: ReceivedAvps<'SCCRQ' | 'SCCRP'>, profile: PeerSpec | undefined): void {
    this.hostName = avps.hostName;
    this.vendorName = avps.vendorName;
    this.framing = avps.framingCapabilities;
    this.bearer = avps.bearerCapabilities ?? [];
    this.underProfile(profile);
  }

  underProfile(profile: PeerSpec | undefined): void {
    this.quirks = quirksOf(this.vendorName, profile?.quirks);
  }

  /**
   * Initiator: the SCCRQ. A tie-breaker says that a single tunnel is wanted; `failure` is what ended the last try.
   */
  request(wantsSingle: boolean, failure: FailureView | undefined): SentAvps<'SCCRQ'> {
    const avps: SentAvps<'SCCRQ'> = this.introduction();
    const refusedAvp = failure?.result === unknownAvp.result && failure.error === unknownAvp.error;
    if (refusedAvp || this.quirks.has('plainRequest')) {
      const { protocolVersion, hostName, framingCapabilities, assignedTunnelId, challenge } = avps;
      return { protocolVersion, hostName, framingCapabilities, assignedTunnelId, challenge };
    }
    avps.controlConnectionDs = this.controlDs;
    if (wantsSingle) avps.tieBreaker = this.tieBreaker = randomU64(this.tunnel.core.random);
    return avps;
  }

  /** Responder: the SCCRP to an SCCRQ. */
  answer(avps: ReceivedAvps<'SCCRQ'>): Next<'SCCRP'> {
    const { parameters } = this.tunnel;
    const refusal =
      this.versionRefusal(avps.protocolVersion.version) ??
      this.authentication.refusal(parameters, avps.challenge) ??
      this.authentication.unchallenged(parameters, avps.challenge, this.quirks);
    if (refusal) return { refusal };
    const challengeResponse = this.authentication.respond('SCCRP', parameters, avps.challenge);
    const controlConnectionDs = avps.controlConnectionDs && this.controlDs;
    return { avps: { ...this.introduction(), challengeResponse, controlConnectionDs } };
  }

  /** Initiator: the SCCCN to an SCCRP. */
  confirm(avps: ReceivedAvps<'SCCRP'>): Next<'SCCCN'> {
    const { parameters } = this.tunnel;
    const refusal =
      this.versionRefusal(avps.protocolVersion.version) ??
      this.authentication.refusal(parameters, avps.challenge) ??
      this.authentication.verify('SCCRP', parameters, avps.challengeResponse);
    if (refusal) return { refusal };
    const { controlConnectionDs: offer } = avps;
    if (this.controlDs && offer && 'dscp' in offer) this.dscp = offer.dscp;
    return { avps: { challengeResponse: this.authentication.respond('SCCCN', parameters, avps.challenge) } };
  }

  /** Responder: why the peer's SCCCN does not establish the tunnel, if it does not. */
  refusal(avps: ReceivedAvps<'SCCCN'>): Result | undefined {
    const { parameters, core } = this.tunnel;
    return this.authentication.verify('SCCCN', parameters, avps.challengeResponse) ?? tunnelLimit(core);
  }

  /** The AVPs with which both SCCRQ and SCCRP introduce us. */
  private introduction() {
    const { dialect, localId, parameters, core } = this.tunnel;
    const { hostName, framingCapabilities, bearerCapabilities, receiveWindow } = parameters;
    return {
      protocolVersion: dialect.protocolVersion,
      hostName,
      vendorName: core.gateway.vendorName || undefined,
      framingCapabilities,
      bearerCapabilities: bearerCapabilities.length > 0 ? bearerCapabilities : undefined,
      assignedTunnelId: localId,
      receiveWindowSize: receiveWindow,
      challenge: this.authentication.ask(parameters, core.random),
    };
  }

  /** What we mark control messages with, as a peer is told. */
  private get controlDs(): AvpValues['controlConnectionDs'] {
    const { controlDscp } = this.tunnel.parameters;
    return controlDscp === 0 ? undefined : { dscp: controlDscp };
  }

  private versionRefusal(version: number): Result | undefined {
    const { version: ours } = this.tunnel.dialect.protocolVersion;
    if (version === ours) return undefined;
    return { result: 5, error: ours, message: `protocol version ${version} is not supported` };
  }
}
