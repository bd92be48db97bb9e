/**
 * A bridge between two ports that is no more than a wire: it learns nothing, takes no part in any protocol and passes on
 * what is meant for bridges themselves, as far as the kernel lets it: all but IEEE 802.3's PAUSE frames.
 */
import { attribute, littleEndian, nested, number32, text } from './netlink.ts';
import { ifla, linkHeader } from './rtnl-objects.ts';

// From the kernel's linux/if_link.h.
const bridge = { ageingTime: 4, stpState: 5, groupForwardMask: 9, multicastSnooping: 23 } as const;
const port = { learning: 8, groupForwardMask: 31 } as const;

/** One bit for each of 01:80:c2:00:00:00 to :0f. */
const allGroups = 0xffff;
/** :00 (spanning tree), :01 (PAUSE) and :02 (LACP) are refused for a bridge; only PAUSE is for a port. */
const bridgeGroups = allGroups & ~0x0007;
const portGroups = allGroups & ~0x0002;

function number16(value: number): Uint8Array {
  const octets = new Uint8Array(2);
  new DataView(octets.buffer).setUint16(0, value, littleEndian);
  return octets;
}

/** What creates the bridge. */
export function wireParts(name: string): Uint8Array[] {
  const data = nested(
    ifla.infoData,
    attribute(bridge.ageingTime, number32(0)),
    attribute(bridge.stpState, number32(0)),
    attribute(bridge.groupForwardMask, number16(bridgeGroups)),
    attribute(bridge.multicastSnooping, Uint8Array.of(0)),
  );
  return [
    linkHeader(0),
    attribute(ifla.name, text(name)),
    nested(ifla.info, attribute(ifla.infoKind, text('bridge')), data),
  ];
}

/** What a link that has joined the bridge must have. */
export function wirePortParts(index: number): Uint8Array[] {
  const data = nested(
    ifla.infoPortData,
    attribute(port.learning, Uint8Array.of(0)),
    attribute(port.groupForwardMask, number16(portGroups)),
  );
  return [linkHeader(index), nested(ifla.info, attribute(ifla.infoPortKind, text('bridge')), data)];
}
