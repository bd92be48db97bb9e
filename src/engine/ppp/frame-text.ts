/** PPP control frames in a few words. Not what is inside them: it may be a password. */
import { informationAt, Protocol, packetEnd, protocolOf } from './frame.ts';

/** RFC 1661 5. */
// biome-ignore format: the codes in their order
const codes = [
  '', 'Configure-Request', 'Configure-Ack', 'Configure-Nak', 'Configure-Reject', 'Terminate-Request', 'Terminate-Ack',
  'Code-Reject', 'Protocol-Reject', 'Echo-Request', 'Echo-Reply', 'Discard-Request',
];

const changes = Array.from({ length: 3 }, () => 'Change-Password');

const protocols = new Map<number, { name: string; codes: readonly string[] }>([
  [Protocol.lcp, { name: 'LCP', codes }],
  [Protocol.ipcp, { name: 'IPCP', codes }],
  [Protocol.ipv6cp, { name: 'IPV6CP', codes }],
  // RFC 1334 2.2; RFC 1994 4, RFC 2433 9-10, RFC 2759 7; RFC 3748 4.
  [Protocol.pap, { name: 'PAP', codes: ['', 'Authenticate-Request', 'Authenticate-Ack', 'Authenticate-Nak'] }],
  [Protocol.chap, { name: 'CHAP', codes: ['', 'Challenge', 'Response', 'Success', 'Failure', ...changes] }],
  [Protocol.eap, { name: 'EAP', codes: ['', 'Request', 'Response', 'Success', 'Failure'] }],
]);

/** Such as `LCP Configure-Request, id 1, 24 octets`. */
export function frameText(bytes: Uint8Array, start: number, end: number): string {
  const octets = `${end - start} octets`;
  const number = protocolOf(bytes, start, end);
  if (number < 0) return `a frame without a protocol, ${octets}`;
  const protocol = protocols.get(number);
  if (!protocol) return `protocol 0x${number.toString(16).padStart(4, '0')}, ${octets}`;
  const at = informationAt(bytes, start, end);
  if (packetEnd(bytes, at, end) < 0) return `${protocol.name} with a wrong length, ${octets}`;
  return `${protocol.name} ${protocol.codes[bytes[at]] || `code ${bytes[at]}`}, id ${bytes[at + 1]}, ${octets}`;
}
