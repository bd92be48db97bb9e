/** The data messages of one call, as the data plane is told of them. */
import type { EngineEffect } from './effects.ts';
import type { SessionKey } from './ports.ts';
import type { SessionTunnel } from './session-origin.ts';
import { isLac, type SessionParameters, type SessionType } from './spec.ts';
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
}

export class SessionData {
  /** Whether the plane knows the session. */
  up = false;
  private dscp: number;
  private readonly call: CarriedCall;

  constructor(call: CarriedCall) {
    this.call = call;
    this.dscp = call.parameters.dscp;
  }

  /** Whether we send sequence numbers unless the LNS has turned them on or off. */
  get sequencing(): boolean {
    const { parameters, avps } = this.call;
    return parameters.sequencingRequired || parameters.useSequenceNumbers || avps.sequencingRequired !== undefined;
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
    const { key: session, tunnel, remoteId, type, parameters } = this.call;
    if (this.up) return this.modify(sequencing);
    this.up = true;
    return {
      effect: 'plane',
      op: {
        op: 'sessionUp',
        session,
        localTunnelId: tunnel.localId,
        remoteSessionId: remoteId,
        pseudowire: 'ppp',
        sequencing,
        reorderTimeoutMs: parameters.reorderTimeoutMs,
        dscp,
        followSequencing: isLac(type) && !parameters.sequencingRequired,
      },
    };
  }

  /** `sequencing` undefined: as it is. */
  modify(sequencing: boolean | undefined): EngineEffect {
    const { key: session, parameters } = this.call;
    const { reorderTimeoutMs } = parameters;
    return { effect: 'plane', op: { op: 'sessionModify', session, sequencing, reorderTimeoutMs, dscp: this.dscp } };
  }
}
