/**
 * What is said while a control connection is set up (RFC 2661 5.1, 6.1 - 6.3, RFC 3931 6.1 - 6.3), by us and by the peer, as initiator or
 * responder. When it is said is the tunnel's matter.
 */
import { type EngineCore, randomU64, tunnelLimit } from './core.ts';
import type { Result } from './errors.ts';
import type { MessageAuthentication } from './message-authentication.ts';
import { type QuirkName, quirksOf } from './quirks.ts';
import type { FailureView, PeerSpec, Pseudowire, TunnelParameters } from './spec.ts';
import { TunnelAuthentication } from './tunnel-authentication.ts';
import type { TunnelIdentity } from './tunnel-version.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Dialect } from './wire/dialect.ts';
import type { ReceivedAvps, SentAvps } from './wire/message-table.ts';

/** What the handshake needs of its tunnel. */
export interface HandshakeTunnel {
  readonly core: EngineCore;
  readonly dialect: Dialect;
  readonly localId: number;
  readonly offered: TunnelIdentity | undefined;
  readonly authentication: MessageAuthentication;
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
  /** Where it is said, a peer without any places no outgoing calls (RFC 2661 4.4.3, Bearer Capabilities). */
  bearer: NonNullable<AvpValues['bearerCapabilities']> = [];
  quirks: ReadonlySet<QuirkName>;
  /** The value in the SCCRQ that we sent. */
  tieBreaker: bigint | undefined;
  /** The DSCP of control messages that the peer offered instead of ours (RFC 3308 3). */
  dscp: number | undefined;
  /** What both ends can carry. */
  pseudowires: readonly Pseudowire[] = ['ppp'];
  private readonly tunnel: HandshakeTunnel;
  private readonly challenges = new TunnelAuthentication();

  constructor(tunnel: HandshakeTunnel, profile: PeerSpec | undefined) {
    this.tunnel = tunnel;
    this.quirks = quirksOf(undefined, profile?.quirks);
  }

  /** Whether the peer's answer to our challenge proved that it knows the secret. */
  get authenticated(): boolean {
    return this.challenges.proved;
  }

  /** The peer introduces itself. */
  meet(avps: ReceivedAvps<'SCCRQ' | 'SCCRP'>, profile: PeerSpec | undefined): void {
    this.hostName = avps.hostName;
    this.vendorName = avps.vendorName;
    const { unsaidCapabilities: unsaid, pseudowires } = this.tunnel.dialect;
    this.framing = avps.framingCapabilities ?? unsaid.framingCapabilities;
    this.bearer = avps.bearerCapabilities ?? unsaid.bearerCapabilities;
    const { pseudowireCapabilities: theirs } = avps;
    // In a request that both versions can read, they are for the other one.
    if (theirs && pseudowires) this.pseudowires = this.tunnel.core.pseudowires.filter((each) => theirs.includes(each));
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
      const { vendorName: _, bearerCapabilities: __, receiveWindowSize: ___, ...required } = avps;
      return required;
    }
    avps.assignedControlConnectionId = this.tunnel.offered?.localId;
    avps.controlConnectionDs = this.controlDs;
    if (wantsSingle) avps.tieBreaker = this.tieBreaker = randomU64(this.tunnel.core.random);
    return avps;
  }

  /** Responder: the SCCRP to an SCCRQ. */
  answer(avps: ReceivedAvps<'SCCRQ'>): Next<'SCCRP'> {
    const { parameters } = this.tunnel;
    const refusal = this.versionRefusal(avps.protocolVersion) ?? this.doubt(avps, true);
    if (refusal) return { refusal };
    const challengeResponse = this.challenges.respond('SCCRP', parameters, avps.challenge);
    const controlConnectionDs = avps.controlConnectionDs && this.controlDs;
    return { avps: { ...this.introduction(), challengeResponse, controlConnectionDs } };
  }

  /** Initiator: the SCCCN to an SCCRP. */
  confirm(avps: ReceivedAvps<'SCCRP'>): Next<'SCCCN'> {
    const { parameters } = this.tunnel;
    const refusal = this.versionRefusal(avps.protocolVersion) ?? this.doubt(avps, false) ?? this.proof('SCCRP', avps);
    if (refusal) return { refusal };
    const { controlConnectionDs: offer } = avps;
    if (this.controlDs && offer && 'dscp' in offer) this.dscp = offer.dscp;
    return { avps: { challengeResponse: this.challenges.respond('SCCCN', parameters, avps.challenge) } };
  }

  /** Responder: why the peer's SCCCN does not establish the tunnel, if it does not. */
  refusal(avps: ReceivedAvps<'SCCCN'>): Result | undefined {
    return this.proof('SCCCN', avps) ?? tunnelLimit(this.tunnel.core);
  }

  /** Why the two ends cannot find out whether they know each other, in the way of the dialect. */
  private doubt({ challenge, messageNonce }: AvpValues, isRequest: boolean): Result | undefined {
    const { dialect, parameters, authentication } = this.tunnel;
    switch (dialect.authentication) {
      case 'challenge':
        return (
          this.challenges.refusal(parameters, challenge) ??
          (isRequest ? this.challenges.unchallenged(parameters, challenge, this.quirks) : undefined)
        );
      case 'digest':
        return authentication.meet(messageNonce, isRequest && parameters.authMode === 'challenge');
      default:
        return dialect.authentication satisfies never;
    }
  }

  /** Why the peer's answer to our challenge does not do. */
  private proof(message: 'SCCRP' | 'SCCCN', { challengeResponse }: AvpValues): Result | undefined {
    const { dialect, parameters } = this.tunnel;
    if (dialect.authentication !== 'challenge') return undefined;
    return this.challenges.verify(message, parameters, challengeResponse);
  }

  /** The AVPs with which both SCCRQ and SCCRP introduce us, of both versions: each takes its own. */
  private introduction() {
    const { dialect, localId, parameters, authentication, core } = this.tunnel;
    const { hostName, framingCapabilities, bearerCapabilities, receiveWindow } = parameters;
    return {
      protocolVersion: dialect.protocolVersion,
      hostName,
      vendorName: core.gateway.vendorName || undefined,
      framingCapabilities,
      bearerCapabilities: bearerCapabilities.length > 0 ? bearerCapabilities : undefined,
      assignedTunnelId: localId,
      receiveWindowSize: receiveWindow,
      challenge: this.challenges.ask(parameters, core.random),
      routerId: core.gateway.routerId,
      pseudowireCapabilities: core.pseudowires,
      messageNonce: authentication.nonce(core.random),
    };
  }

  /** What we mark control messages with, as a peer is told. */
  private get controlDs(): AvpValues['controlConnectionDs'] {
    const { controlDscp } = this.tunnel.parameters;
    return controlDscp === 0 ? undefined : { dscp: controlDscp };
  }

  private versionRefusal(theirs: AvpValues['protocolVersion']): Result | undefined {
    const { version: ours } = this.tunnel.dialect.protocolVersion;
    const { version = ours } = theirs ?? {};
    if (version === ours) return undefined;
    return { result: 5, error: ours, message: `protocol version ${version} is not supported` };
  }
}
