/** A unix datagram socket at a path of ours, which goes with it. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { PlaneError } from '../engine/errors.ts';
import { checked, errnoName, native } from './native.ts';
import { littleEndian } from './netlink.ts';

// From the kernel's uapi headers.
const afUnix = 1;
const sockDgram = 2;
/** struct sockaddr_un: the family and a path of 108 octets, its zero included. */
export const unixAddressOctets = 110;
const familyOctets = 2;

/** Owner and group may send. */
const mode = 0o660;

/** The octets of a struct sockaddr_un. */
function addressOf(path: string): Uint8Array {
  const text = Buffer.from(path);
  if (text.length + familyOctets >= unixAddressOctets) throw new PlaneError('ENAMETOOLONG', `socket ${path}`);
  const address = new Uint8Array(familyOctets + text.length + 1);
  new DataView(address.buffer).setUint16(0, afUnix, littleEndian);
  address.set(text, familyOctets);
  return address;
}

/** How long an address of a socket with a path is, with one zero; 0: it has none. Zeros must fill the rest. */
export function unixAddressLength(address: Uint8Array): number {
  const end = address.indexOf(0, familyOctets);
  return end === familyOctets ? 0 : (end < 0 ? address.length : end) + 1;
}

export class UnixSocket {
  readonly path: string;
  readonly fd: number;
  /** Of the file, which another may have replaced meanwhile. */
  readonly #inode: number;

  /**
   * Makes the directory where there is none, and takes the place of a dead process's socket.
   * @throws PlaneError EADDRINUSE: a living process has it; EEXIST: something that is no socket stands there
   */
  constructor(path: string) {
    this.path = path;
    const address = addressOf(path);
    const what = `socket ${path}`;
    attempt(what, () => mkdirSync(dirname(path), { recursive: true }));
    this.fd = checked(native.socket(afUnix, sockDgram, 0), what);
    try {
      this.bind(address, what);
      this.#inode = attempt(what, () => {
        chmodSync(path, mode);
        return lstatSync(path).ino;
      });
    } catch (error) {
      native.close(this.fd);
      throw error;
    }
  }

  private bind(address: Uint8Array, what: string): void {
    const bound = native.bind(this.fd, address);
    if (bound >= 0 || errnoName(bound) !== 'EADDRINUSE') {
      checked(bound, what);
      return;
    }
    if (!attempt(what, () => lstatSync(this.path)).isSocket()) throw new PlaneError('EEXIST', what);
    // Nobody listens at a dead process's socket. To a living one's, no octets are no message.
    const probe = native.sendTo(this.fd, address, 0, 0, address);
    if (probe >= 0 || errnoName(probe) !== 'ECONNREFUSED') throw new PlaneError('EADDRINUSE', what);
    attempt(what, () => unlinkSync(this.path));
    checked(native.bind(this.fd, address), what);
  }

  close(): void {
    native.close(this.fd);
    try {
      if (lstatSync(this.path).ino === this.#inode) unlinkSync(this.path);
    } catch {
      // Somebody has removed it, which is all that was wanted.
    }
  }
}

/** @throws PlaneError of what the file system refuses */
function attempt<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      throw new PlaneError(error.code, what);
    }
    throw error;
  }
}
