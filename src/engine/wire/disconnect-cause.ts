/**
 * Why a PPP link ended, as RFC 3145 3 lists it.
 */
import type { PppDisconnectCause } from './values.ts';

interface Cause {
  readonly words: string;
  /** What directions 1 and 2 add, where the RFC gives them a meaning. */
  readonly directions?: readonly [string, string];
}

const required = [
  'required by the sender, refused by its peer',
  'required by the peer, refused by the sender',
] as const;

/** By their codes. */
const causes: readonly Cause[] = [
  { words: 'no information' },
  { words: 'administrative disconnect' },
  { words: 'the LNS does not renegotiate LCP and got no proxy LCP' },
  {
    words: 'normal disconnection',
    directions: ['the peer sent a Terminate-Request', 'the sender sent a Terminate-Request'],
  },
  { words: 'compulsory encryption was refused', directions: required },
  { words: 'LCP timed out' },
  { words: 'no recognizable LCP packets' },
  { words: 'wrong Magic-Number, the link may be looped back' },
  { words: 'no answer to LCP Echo-Requests' },
  { words: 'unexpected Endpoint-Discriminator for the multilink bundle' },
  { words: 'unexpected MRRU for the multilink bundle' },
  { words: 'unexpected Short-Sequence-Number option for the multilink bundle' },
  { words: 'compulsory call-back was refused', directions: required },
  { words: 'authentication timed out' },
  { words: 'unexpected authenticated name for the multilink bundle' },
  {
    words: 'no acceptable authentication protocol',
    directions: ['the peer rejected all of the sender', 'the sender takes none of the peer'],
  },
  {
    words: 'authentication failed',
    directions: ['of the peer at the sender', 'of the sender at the peer'],
  },
  { words: 'NCP timed out' },
  { words: 'no NCP was opened' },
  {
    words: 'no agreement on addresses',
    directions: ['too many Configure-Naks from the peer', 'too many Configure-Naks to the peer'],
  },
  {
    words: 'no address is permitted',
    directions: ['the peer does not take the local one', "the sender does not take the peer's"],
  },
];

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
  const cause: Cause | undefined = causes[code];
  const side = direction === 1 || direction === 2 ? cause?.directions?.[direction - 1] : undefined;
  let text = cause?.words ?? 'unknown cause';
  if (side !== undefined) text += `, ${side}`;
  if (message) text += `: ${message}`;
  const name = protocolNames.get(protocol) ?? `protocol 0x${protocol.toString(16).padStart(4, '0')}`;
  return `${text} (code ${code}${protocol === 0 ? '' : `, ${name}`})`;
}
