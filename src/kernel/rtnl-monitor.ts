/** Notifications of changes to links, addresses and routes. */
import { checked, native, pollReadable } from './native.ts';
import {
  attributesOf,
  flagReplace,
  littleEndian,
  messagesOf,
  type NetlinkMessage,
  number32,
  numberOf,
  openNetlink,
} from './netlink.ts';
import { rta, rtm, rtmRoute } from './rtnl-objects.ts';

const groupLink = 0x1;
const groupIpv4Address = 0x10;
const groupIpv4Route = 0x40;
const groupIpv6Address = 0x100;
const groupIpv6Route = 0x400;
const groups = groupLink | groupIpv4Address | groupIpv4Route | groupIpv6Address | groupIpv6Route;
const messagesPerWake = 64;
const eagain = -11;
const solSocket = 1;
const soRcvbufforce = 33;
const notificationBufferOctets = 1024 * 1024;

/** What may have been taken from a link: `link`: its own properties; `contents`: an address or a route. */
export type LinkChangeKind = 'link' | 'contents';

/** Tells which links somebody (we included) has changed. What only adds is left out. */
export class RtnlMonitor {
  readonly #fd: number;
  readonly #poller: number;
  readonly #buffer = new Uint8Array(64 * 1024);
  readonly #changed: (link: number | 'unknown', kind: LinkChangeKind) => void;

  /** `unknown`: notifications were lost. Each link is told at most once for many changes at a time. */
  constructor(changed: (link: number | 'unknown', kind: LinkChangeKind) => void) {
    this.#changed = changed;
    this.#fd = openNetlink(groups);
    native.setsockopt(this.#fd, solSocket, soRcvbufforce, number32(notificationBufferOctets));
    this.#poller = checked(
      native.pollStart(this.#fd, pollReadable, (events) => this.ready(events)),
      'netlink notifications',
    );
  }

  close(): void {
    native.pollStop(this.#poller);
    native.close(this.#fd);
  }

  private ready(events: number): void {
    const changes = new Map<number | 'unknown', LinkChangeKind>();
    for (let i = 0; i < messagesPerWake; i++) {
      const octets = native.receive(this.#fd, this.#buffer);
      if (octets === eagain) break;
      if (octets < 0) changes.set('unknown', 'contents');
      for (const message of messagesOf(this.#buffer, octets)) {
        const [link, kind] = takenFrom(message);
        if (link !== undefined && changes.get(link) !== 'contents') changes.set(link, kind);
      }
    }
    if (events < 0) native.pollAgain(this.#poller);
    for (const [link, kind] of changes) this.#changed(link, kind);
  }
}

function takenFrom({ type, flags, body }: NetlinkMessage): [number | undefined, LinkChangeKind] {
  switch (type) {
    case rtm.newLink:
    case rtm.delLink:
      return [body.byteLength < 16 ? undefined : body.getInt32(4, littleEndian), 'link'];
    case rtm.delAddr:
      return [body.byteLength < 8 ? undefined : body.getUint32(4, littleEndian), 'contents'];
    case rtmRoute.new:
    case rtmRoute.del: {
      const only = type === rtmRoute.new && (flags & flagReplace) === 0;
      return [only || body.byteLength < 12 ? undefined : numberOf(attributesOf(body, 12).get(rta.oif)), 'contents'];
    }
    default:
      return [undefined, 'link'];
  }
}
