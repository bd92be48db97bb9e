/**
 * What the two ends of an L2TPv3 session want of each other's data messages (RFC 3931 5.4.4): each says what must come to
 * it, or of a static session both were told.
 */
import type { Result } from './errors.ts';
import type { DataFormat, Sublayer } from './ports.ts';
import type { SessionTunnel } from './session-origin.ts';
import type { DataSequencing, SessionParameters, StaticSession } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';

/** Whose terms they are. */
export interface TermedCall {
  readonly tunnel: SessionTunnel;
  readonly localId: number;
  readonly parameters: SessionParameters;
  readonly static: StaticSession | undefined;
  /** What the peer has said. */
  readonly avps: AvpValues;
}

const noOctets = new Uint8Array(0);

export class DataTerms {
  private readonly call: TermedCall;
  private readonly localCookie: Uint8Array;

  constructor(call: TermedCall) {
    this.call = call;
    const { tunnel, parameters, static: declared } = call;
    this.localCookie = declared
      ? (declared.localCookie?.reveal() ?? noOctets)
      : tunnel.core.random.bytes(parameters.cookieLength);
  }

  /** What we want, as the peer is told. */
  get offer(): Pick<AvpValues, 'assignedCookie' | 'l2SpecificSublayer' | 'dataSequencing'> {
    const { dataSequencing } = this.call.parameters;
    const sublayer = this.sublayer;
    return {
      assignedCookie: this.localCookie.length > 0 ? this.localCookie : undefined,
      l2SpecificSublayer: sublayer === 'none' ? undefined : sublayer,
      dataSequencing: dataSequencing === 'none' ? undefined : dataSequencing,
    };
  }

  /** ATM has a sublayer of its own, which AAL5 cannot do without (RFC 4454 4). */
  private get sublayer(): Sublayer {
    const { pseudowire, l2SpecificSublayer } = this.call.parameters;
    if (pseudowire === 'atmAal5') return 'atm';
    const isAtm = pseudowire === 'atmCellPort' || pseudowire === 'atmCellVcc' || pseudowire === 'atmCellVpc';
    return isAtm && l2SpecificSublayer === 'default' ? 'atm' : l2SpecificSublayer;
  }

  /** Why we cannot send as the peer wants. */
  get refusal(): Result | undefined {
    const { l2SpecificSublayer = 'none', dataSequencing = 'none' } = this.call.avps;
    if (typeof l2SpecificSublayer === 'number') {
      return { result: 2, error: 3, message: `L2-Specific Sublayer ${l2SpecificSublayer} is not known` };
    }
    if (typeof dataSequencing === 'number') {
      return { result: 2, error: 3, message: `Data Sequencing ${dataSequencing} is not known` };
    }
    if (dataSequencing === 'none' || l2SpecificSublayer !== 'none') return undefined;
    return { result: 15, error: 0, message: 'sequence numbers need an L2-Specific Sublayer' };
  }

  /** Which of our data messages get sequence numbers. */
  get sequencing(): DataSequencing {
    const { static: declared, parameters, avps } = this.call;
    const wanted = declared ? parameters.dataSequencing : avps.dataSequencing;
    return typeof wanted === 'string' ? wanted : 'none';
  }

  get format(): DataFormat {
    const { localId, static: declared, parameters, avps } = this.call;
    const { sublayer: rxSublayer, localCookie } = this;
    const wanted = declared ? rxSublayer : avps.l2SpecificSublayer;
    return {
      localSessionId: localId,
      localCookie,
      remoteCookie: (declared ? declared.remoteCookie?.reveal() : avps.assignedCookie) ?? noOctets,
      rxSublayer,
      txSublayer: typeof wanted === 'string' ? wanted : 'none',
      checksSequence: parameters.dataSequencing !== 'none',
    };
  }
}
