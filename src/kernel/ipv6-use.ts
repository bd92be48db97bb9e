/** Whether IPv6 is used on a device of ours: one that only passes frames on must not take part in what it carries. */
import { readFileSync, writeFileSync } from 'node:fs';
import { PlaneError } from '../engine/errors.ts';
import type { Rtnl } from './rtnl.ts';

function fileOf(device: string, setting: string): string {
  return `/proc/sys/net/ipv6/conf/${device}/${setting}`;
}

/**
 * Whether the system has IPv6 off on the device, or has none.
 * @throws PlaneError
 */
export function isIpv6Off(device: string): boolean {
  try {
    return readFileSync(fileOf(device, 'disable_ipv6'), 'utf8').trim() !== '0';
  } catch (error) {
    // A kernel without IPv6 has no such file.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
    if (code === 'ENOENT') return true;
    throw new PlaneError(code, `device ${device}: whether it takes IPv6`);
  }
}

/** No IPv6 on the device: neither packets nor addresses. Where the setting cannot be written, no address at least. */
export function stopIpv6(rtnl: Rtnl, { index, name }: { index: number; name: string }): void {
  if (!write(name, 'disable_ipv6', '1')) rtnl.stopIpv6Generation(index);
}

/** IPv6 on the device, with the addresses that it is given; those behind it do not set up our host. */
export function startIpv6({ name }: { name: string }): void {
  write(name, 'accept_ra', '0');
  write(name, 'disable_ipv6', '0');
}

/** False where there is no such setting, or the system's settings are not to be written, as in many containers. */
function write(device: string, setting: string, value: string): boolean {
  try {
    writeFileSync(fileOf(device, setting), value);
    return true;
  } catch {
    return false;
  }
}
