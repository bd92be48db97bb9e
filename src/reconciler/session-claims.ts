/** What one Session has for itself alone. */
import type { DeviceSpec, SessionSpec } from '../engine/spec.ts';
import { type Claim, claimOnce } from './settle.ts';

interface Want {
  /** What nobody else may have, with a word before it that tells it from other kinds. */
  key: string;
  /** The field that says it. */
  path: string;
  /** After `Session/NAME has the same`. */
  what: string;
}

function wantsOf({ tunnel, interfaceName, ethernet, circuit, remoteEndId, static: ids }: SessionSpec) {
  const wants: Want[] = [];
  const device = ethernet ? ethernet.interfaceName : interfaceName;
  if (device !== undefined) {
    const path = device === interfaceName ? 'interfaceName' : 'ethernetProfile';
    wants.push({ key: `interface ${device}`, path, what: 'interfaceName' });
  }
  if (ethernet?.attach !== undefined) {
    wants.push({
      key: `attach ${ethernet.attach}`,
      path: 'ethernetProfile',
      what: `attach.interface ${ethernet.attach}`,
    });
  }
  if (circuit)
    wants.push({ key: `socket ${circuit.socket}`, path: 'circuit.socket', what: `socket ${circuit.socket}` });
  if (ids) {
    const { localSessionId } = ids;
    wants.push({
      key: `id ${localSessionId}`,
      path: 'static.localSessionId',
      what: `localSessionId ${localSessionId}`,
    });
  } else if (remoteEndId !== undefined) {
    wants.push({
      key: `end ${tunnel} ${remoteEndId}`,
      path: 'remoteEndId',
      what: `remoteEndId ${remoteEndId} in Tunnel/${tunnel}`,
    });
  }
  return wants;
}

/** @param devices those that accepted calls share */
export function claimOfSessions(devices: ReadonlyMap<string, DeviceSpec>): Claim<SessionSpec> {
  const claim = claimOnce<SessionSpec>(
    (spec) => wantsOf(spec).map(({ key }) => key),
    (holder, spec, taken) => {
      const { path = '', what = '' } = wantsOf(spec).find(({ key }) => key === taken) ?? {};
      return { message: `Session/${holder} has the same ${what}`, path };
    },
  );
  return (spec) => {
    const shared = [spec.interfaceName, spec.ethernet?.interfaceName].some((name) => name && devices.has(name));
    if (!shared) return claim(spec);
    return {
      message: "is the interface that accepted calls share (the TunnelProfile's interfaceName)",
      path: spec.interfaceName === undefined ? 'ethernetProfile' : 'interfaceName',
    };
  };
}
