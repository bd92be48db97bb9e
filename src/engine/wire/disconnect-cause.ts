/**
 * Why a PPP link ended, as RFC 3145 3 lists it.
 */
import type { PppDisconnectCause } from './values.ts';

interface Cause {
  readonly code: number;
  readonly words: string;
  /** What directions 1 and 2 add, where the RFC gives them a meaning. */
  readonly directions?: readonly [string, string];
}

const required = [
  'required by the sender, refused by its peer',
  'required by the peer, refused by the sender',
] as const;

export const disconnectCauses = {
  noInformation: { code: 0, words: 'no information' },
  administrative: { code: 1, words: 'administrative disconnect' },
  proxyLcpMissing: { code: 2, words: 'the LNS does not renegotiate LCP and got no proxy LCP' },
  normal: {
    code: 3,
    words: 'normal disconnection',
    directions: ['the peer sent a Terminate-Request', 'the sender sent a Terminate-Request'],
  },
  encryptionRefused: { code: 4, words: 'compulsory encryption was refused', directions: required },
  lcpTimeout: { code: 5, words: 'LCP timed out' },
  noLcp: { code: 6, words: 'no recognizable LCP packets' },
  loopback: { code: 7, words: 'wrong Magic-Number, the link may be looped back' },
  echoTimeout: { code: 8, words: 'no answer to LCP Echo-Requests' },
  endpointDiscriminator: { code: 9, words: 'unexpected Endpoint-Discriminator for the multilink bundle' },
  mrru: { code: 10, words: 'unexpected MRRU for the multilink bundle' },
  shortSequenceNumber: { code: 11, words: 'unexpected Short-Sequence-Number option for the multilink bundle' },
  callbackRefused: { code: 12, words: 'compulsory call-back was refused', directions: required },
  authenticationTimeout: { code: 13, words: 'authentication timed out' },
  bundleName: { code: 14, words: 'unexpected authenticated name for the multilink bundle' },
  noAuthenticationProtocol: {
    code: 15,
    words: 'no acceptable authentication protocol',
    directions: ['the peer rejected all of the sender', 'the sender takes none of the peer'],
  },
  authenticationFailed: {
    code: 16,
    words: 'authentication failed',
    directions: ['of the peer at the sender', 'of the sender at the peer'],
  },
  ncpTimeout: { code: 17, words: 'NCP timed out' },
  noNcp: { code: 18, words: 'no NCP was opened' },
  addressesNotConverged: {
    code: 19,
    words: 'no agreement on addresses',
    directions: ['too many Configure-Naks from the peer', 'too many Configure-Naks to the peer'],
  },
  noAddressPermitted: {
    code: 20,
    words: 'no address is permitted',
    directions: ['the peer does not take the local one', "the sender does not take the peer's"],
  },
} as const satisfies Record<string, Cause>;

const byCode = new Map<number, Cause>(Object.values(disconnectCauses).map((cause) => [cause.code, cause]));

/** PPP protocols that may have failed. */
const protocolNames = new Map([
  [0xc021, 'LCP'],
  [0xc023, 'PAP'],
  [0xc223, 'CHAP'],
  [0xc227, 'EAP'],
  [0x8021, 'IPCP'],
  [0x8057, 'IPV6CP'],
  [0x80fd, 'CCP'],
  [0x8053, 'ECP'],
]);

/** A cause in words, with the protocol and the sender's own message. */
export function describeDisconnect({ code, protocol, direction, message }: PppDisconnectCause): string {
  const cause = byCode.get(code);
  const side = direction === 1 || direction === 2 ? cause?.directions?.[direction - 1] : undefined;
  let text = cause?.words ?? 'unknown cause';
  if (side !== undefined) text += `, ${side}`;
  if (message) text += `: ${message}`;
  const name = protocolNames.get(protocol) ?? `protocol 0x${protocol.toString(16).padStart(4, '0')}`;
  return `${text} (code ${code}${protocol === 0 ? '' : `, ${name}`})`;
}
