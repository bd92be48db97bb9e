/** What a session's attachment says, as the packet path and the devices need it. */
import type { IpAttachment } from '../engine/ports.ts';
import type { Device, DeviceRoute } from './devices.ts';
import { addressOfNetwork, isIpv6Network, type Network, parseNetwork, prefixNetwork } from './networks.ts';
import type { L2tpSession } from './sessions.ts';

/** Lets the device carry the session. It still has to become one of the device's. */
export function carry(device: Device, session: L2tpSession, attachment: IpAttachment): void {
  const { ipv4, ipv6, mtu, mssClamp } = attachment;
  session.carrier = device;
  session.mtu = mtu;
  session.clampMtu = mssClamp ? mtu : 0;
  session.hasIpv4 = ipv4 !== undefined;
  session.ipv4 = ipv4 ? ipv4.remote | 0 : 0;
  session.hasIpv6 = ipv6 !== undefined && device.takesIpv6;
  session.router = session.hasIpv6 && ipv6?.router === true;
  const interfaceId = ipv6?.remoteInterfaceId ?? 0n;
  session.interfaceIdHigh = Number(BigInt.asIntN(32, interfaceId >> 32n));
  session.interfaceIdLow = Number(BigInt.asIntN(32, interfaceId));
}

/** Undoes `carry`. */
export function drop(session: L2tpSession): void {
  session.carrier = undefined;
  session.clampMtu = 0;
  session.hasIpv4 = false;
  session.hasIpv6 = false;
  session.router = false;
}

/**
 * The networks behind the peer of a carried session, each once; its own address is not among them.
 * @throws PlaneError EINVAL when a route is none
 */
export function networksBehind(session: L2tpSession, { ipv6, routes }: IpAttachment): Network[] {
  const networks = [...(ipv6?.prefixes ?? []).map(prefixNetwork), ...routes.map(parseNetwork)];
  const byText = new Map(networks.map((network) => [`${addressOfNetwork(network)}/${network.length}`, network]));
  return [...byText.values()].filter((network) => (isIpv6Network(network) ? session.hasIpv6 : session.hasIpv4));
}

export function routeTo(network: Network): DeviceRoute {
  return { destination: addressOfNetwork(network), prefix: network.length };
}
