/** The data messages of one call, as the data plane is told of them. */
import type { DataTerms } from './data-terms.ts';
import type { EngineEffect } from './effects.ts';
import type { SessionKey, Sublayer } from './ports.ts';
import type { SessionTunnel } from './session-origin.ts';
import { type DataSequencing, isLac, type SessionParameters, type SessionType } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';

/** What the plane has to know of a call. */
export interface CarriedCall {
  readonly key: SessionKey;
  readonly tunnel: SessionTunnel;
  readonly remoteId: number;
  readonly type: SessionType;
  readonly parameters: SessionParameters;
  /** What the peer has said of it. */
  readonly avps: AvpValues;
  /** Of L2TPv3. */
  readonly terms: DataTerms | undefined;
}

export class SessionData {
  /** Whether the plane knows the session. */
  up = false;
  private txSublayer: Sublayer | undefined;
  private dscp: number;
  private readonly call: CarriedCall;

  constructor(call: CarriedCall) {
    this.call = call;
    this.dscp = call.parameters.dscp;
  }

  /** Which data messages of ours get sequence numbers; in L2TPv2 unless the LNS has turned them on or off. */
  get sequencing(): DataSequencing {
    const { parameters, avps, terms } = this.call;
    if (terms) return terms.sequencing;
    const all = parameters.sequencingRequired || parameters.useSequenceNumbers || avps.sequencingRequired !== undefined;
    return all ? 'all' : 'none';
  }

  /** The peer's reply to our request: it may offer another DSCP. Without an answer we go on with ours (RFC 3308 4). */
  takeReply({ sessionDs }: AvpValues): void {
    if (this.dscp !== 0 && sessionDs && 'dscp' in sessionDs) this.dscp = sessionDs.dscp;
  }

  /** RFC 3308 4: a peer that asks is told ours. */
  replyTo({ sessionDs }: AvpValues): AvpValues['sessionDs'] {
    return sessionDs === undefined || this.dscp === 0 ? undefined : { dscp: this.dscp };
  }

  /** Tells the plane of the session, or what has changed since. */
  tell(): EngineEffect {
    const { sequencing, dscp } = this;
    const { key: session, tunnel, remoteId, type, parameters, terms } = this.call;
    const format = terms?.format;
    // The last message of a call's set-up may still change what the peer wants to get (RFC 3931 6.8).
    if (this.up && format?.txSublayer === this.txSublayer) return this.modify(sequencing);
    this.up = true;
    this.txSublayer = format?.txSublayer;
    return {
      effect: 'plane',
      op: {
        op: 'sessionUp',
        session,
        localTunnelId: tunnel.localId,
        remoteSessionId: remoteId,
        pseudowire: parameters.pseudowire,
        sequencing,
        format,
        reorderTimeoutMs: parameters.reorderTimeoutMs,
        dscp,
        followSequencing: terms === undefined && isLac(type) && !parameters.sequencingRequired,
      },
    };
  }

  /** `sequencing` undefined: as it is. */
  modify(sequencing: DataSequencing | undefined): EngineEffect {
    const { key: session, parameters } = this.call;
    const { reorderTimeoutMs } = parameters;
    return { effect: 'plane', op: { op: 'sessionModify', session, sequencing, reorderTimeoutMs, dscp: this.dscp } };
  }
}
