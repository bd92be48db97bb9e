/**
 * TUN and TAP devices: created by opening, gone when closed. Opened non-blocking and polled: a read that waits in a
 * thread would keep the process from ending.
 */
import { PlaneError } from '../engine/errors.ts';
import { checked, errnoName, native, pollReadable } from './native.ts';
import { number32 } from './netlink.ts';

const readWrite = 2;
const tunsetiff = 0x400454ca;
const tunsetcarrier = 0x400454e2;
const ifreqOctets = 40;
const ifnamsiz = 16;
const iffTun = 0x0001;
const iffTap = 0x0002;
const iffNoPi = 0x1000;
/** Never attach to a device that is already there. */
const iffTunExcl = 0x8000;

export interface Tun {
  readonly fd: number;
  readonly name: string;
  readonly poller: number;
}

/**
 * Creates a TUN device. `name` may hold one `%d`, for which the kernel puts the first free number.
 * `ready` is called when packets wait, and with a negative errno when the device was deleted by somebody.
 * @throws PlaneError EEXIST when the name is taken
 */
export function openTun(name: string, ready: (events: number) => void): Tun {
  return open(`TUN device ${name}`, iffTun, name, ready);
}

/** The same, but what passes it are Ethernet frames. */
export function openTap(name: string, ready: (events: number) => void): Tun {
  return open(`TAP device ${name}`, iffTap, name, ready);
}

function open(what: string, kind: number, name: string, ready: (events: number) => void): Tun {
  const request = new Uint8Array(ifreqOctets);
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length >= ifnamsiz) throw new PlaneError('EINVAL', `${what}: name of 1 to 15 octets`);
  request.set(bytes);
  new Uint16Array(request.buffer, ifnamsiz, 1)[0] = kind | iffNoPi | iffTunExcl;
  const fd = checked(native.open('/dev/net/tun', readWrite), '/dev/net/tun');
  try {
    const result = native.ioctl(fd, tunsetiff, request);
    // EINVAL: a device of another kind has the name.
    if (result < 0 && ['EBUSY', 'EINVAL'].includes(errnoName(result))) {
      throw new PlaneError('EEXIST', `${what}: the name is taken by a device that is not ours, which is left alone`);
    }
    checked(result, what);
    const given = new TextDecoder().decode(request.subarray(0, request.indexOf(0)));
    return { fd, name: given, poller: checked(native.pollStart(fd, pollReadable, ready), what) };
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/**
 * Lets the device have a carrier or none. Kernels before 5.0 cannot.
 * @throws PlaneError
 */
export function setCarrier({ fd, name }: Tun, carrier: boolean): void {
  const result = native.ioctl(fd, tunsetcarrier, number32(carrier ? 1 : 0));
  if (result < 0 && errnoName(result) !== 'EINVAL') checked(result, `carrier of ${name}`);
}

/** No more packets are told of. */
export function stopTun(tun: Tun): void {
  native.pollStop(tun.poller);
}

/** Closes, and with that deletes, a stopped device. */
export function closeTun(tun: Tun): void {
  native.close(tun.fd);
}
