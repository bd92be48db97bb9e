/** Why a link ended: in words for our operator, and by RFC 3145's codes for the other end of the tunnel. */
import { Protocol } from './frame.ts';

/** RFC 3145 2, as it goes into a CDN. */
export interface DisconnectCause {
  code: number;
  /** The PPP protocol that failed. 0: none. */
  protocol: number;
  /** 0: global, 1: at the peer, 2: at our end. */
  direction: 0 | 1 | 2;
}

export interface Ending {
  readonly reason: string;
  readonly cause: DisconnectCause;
}

/** RFC 3145 3: the codes that we give, with their directions. */
const CODES = {
  /** Also where RFC 3145 has no code, as for a peer that rejects LCP itself. */
  unknown: [0, 0],
  administrative: [1, 0],
  terminatedByPeer: [3, 1],
  terminatedByUs: [3, 2],
  lcpTimeout: [5, 0],
  lcpSilence: [6, 0],
  loopedBack: [7, 0],
  echoTimeout: [8, 0],
  authTimeout: [13, 0],
  /** All methods that we ask for are refused. */
  authRefusedByPeer: [15, 1],
  /** All methods that the peer asks for are refused. */
  authRefusedByUs: [15, 2],
  peerFailedAuth: [16, 1],
  weFailedAuth: [16, 2],
  ncpTimeout: [17, 0],
  noNcp: [18, 0],
  tooManyNaksReceived: [19, 1],
  tooManyNaksSent: [19, 2],
  ourAddressRefused: [20, 1],
  peerAddressRefused: [20, 2],
} as const satisfies Record<string, readonly [number, DisconnectCause['direction']]>;

export type CauseName = keyof typeof CODES;

/** RFC 3145 3.1, 3.2: global errors name no protocol, and those of LCP name LCP. */
const FIRST_LCP_CODE = 5;
const LAST_LCP_CODE = 12;

/** `protocol`: of the authentication or network control protocol that failed. */
export function ending(reason: string, name: CauseName, protocol = 0): Ending {
  const [code, direction] = CODES[name];
  if (code < FIRST_LCP_CODE) protocol = 0;
  else if (code <= LAST_LCP_CODE) protocol = Protocol.lcp;
  return { reason, cause: { code, protocol, direction } };
}
