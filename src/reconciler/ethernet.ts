/** EthernetProfiles -> what Ethernet pseudowires are attached to. */
import type { EthernetSpec, Pseudowire } from '../engine/spec.ts';
import type { Context } from './context.ts';
import { giver } from './layers.ts';
import type { EthernetChain } from './resolve.ts';

export function ethernetOf({ values }: EthernetChain, interfaceName = values.interfaceName): EthernetSpec {
  const { mtu, macAddress, bridge, attach, vlanId, vlanAction, addresses } = values;
  return {
    interfaceName,
    mtu,
    macAddress: macAddress?.toLowerCase(),
    bridge,
    attach: attach?.interface,
    vlanId,
    vlanAction: vlanAction ?? (vlanId === undefined ? 'keep' : 'strip'),
    addresses: [...addresses],
  };
}

/** Reports what cannot work with this pseudowire, `ethernet` or `vlan`. */
export function checkEthernet(
  { declarations }: Context,
  { values, layers }: EthernetChain,
  pseudowire: Pseudowire,
  user: string,
): void {
  const { vlanId, vlanAction = 'keep', addresses, bridge, attach } = values;
  const report = (field: 'vlanId' | 'vlanAction' | 'addresses', message: string) =>
    declarations.report(message, giver(layers, field), field, user);
  if (addresses.length > 0 && (bridge ?? attach) !== undefined) {
    const joined = bridge === undefined ? 'attach' : 'bridge';
    report(
      'addresses',
      `a device with ${joined} has none: take them out, give addresses: [] in a nearer profile, or give them to the bridge itself`,
    );
  }
  if (pseudowire === 'vlan') {
    if (vlanId === undefined && vlanAction !== 'keep') report('vlanAction', `${vlanAction} needs a vlanId`);
    return;
  }
  const message = `is for pseudowire vlan, and that of ${user} is ${pseudowire}, which carries every tag as it is`;
  if (vlanId !== undefined) report('vlanId', message);
  else if (vlanAction !== 'keep') report('vlanAction', message);
}
