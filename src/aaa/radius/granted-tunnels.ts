/** The tunnels into which an Access-Accept sends a call (RFC 2868). */
import { isIP } from 'node:net';
import type { GrantedTunnel } from '../../engine/aaa.ts';
import { type Attributes, type Tagged, tunnelMediumTypes, tunnelTypes } from './dictionary.ts';
import { Unusable } from './limits.ts';

/** RFC 2868 3.8: more than any preference, which is of 24 bits. */
const withoutPreference = 0x1000000;

/** In the order of preference; undefined: it names none. @throws Unusable when it names none of L2TP (3.1) */
export function tunnelsOf(attributes: Attributes): GrantedTunnel[] | undefined {
  const { tunnelType, tunnelServerEndpoint } = attributes;
  if (tunnelType?.every(({ value }) => value !== tunnelTypes.l2tp)) {
    throw new Unusable(`Tunnel-Type ${tunnelType.map(({ value }) => value).join(', ')} is not L2TP`);
  }
  const tunnels = (tunnelServerEndpoint ?? [])
    .filter(({ tag, value }) => value !== '' && isOurs(attributes, tag))
    .map(({ tag, value }) => ({ preference: preferenceOf(attributes, tag), tunnel: tunnelOf(attributes, tag, value) }))
    .toSorted((a, b) => a.preference - b.preference)
    .map(({ tunnel }) => tunnel);
  return tunnels.length > 0 ? tunnels : undefined;
}

/** What is not said of type and medium is taken to fit. */
function isOurs({ tunnelType, tunnelMediumType }: Attributes, tag: number): boolean {
  const medium = of(tunnelMediumType, tag) ?? tunnelMediumTypes.ipv4;
  return (
    (of(tunnelType, tag) ?? tunnelTypes.l2tp) === tunnelTypes.l2tp &&
    (medium === tunnelMediumTypes.ipv4 || medium === tunnelMediumTypes.ipv6)
  );
}

function preferenceOf({ tunnelPreference }: Attributes, tag: number): number {
  return of(tunnelPreference, tag) ?? withoutPreference;
}

function tunnelOf(attributes: Attributes, tag: number, remoteAddress: string): GrantedTunnel {
  const local = of(attributes.tunnelClientEndpoint, tag);
  return {
    remoteAddress,
    // A name says nothing of the address that we are to speak from.
    localAddress: local !== undefined && isIP(local) !== 0 ? local : undefined,
    secret: of(attributes.tunnelPassword, tag),
    hostName: of(attributes.tunnelClientAuthId, tag),
    assignmentId: of(attributes.tunnelAssignmentId, tag),
    privateGroupId: of(attributes.tunnelPrivateGroupId, tag),
  };
}

/** What is said of the tunnel with this tag. */
function of<T>(values: readonly Tagged<T>[] | undefined, tag: number): T | undefined {
  return values?.find((each) => each.tag === tag)?.value;
}
