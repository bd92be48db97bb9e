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
import { addressText, readAddress, readRoute, routeText, rta, rtm, rtmRoute } from './rtnl-objects.ts';

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

/** Whether an address or a route, as text, should be on a link. */
export interface Wanting {
  wants(text: string): boolean;
}

/**
 * Tells which links somebody (we included) has changed. What only adds is left out, and, of links for which `wanting`
 * answers, addresses and routes that are gone and should be.
 */
export class RtnlMonitor {
  readonly #fd: number;
  readonly #poller: number;
  readonly #buffer = new Uint8Array(64 * 1024);
  readonly #changed: (link: number | 'unknown', kind: LinkChangeKind) => void;
  readonly #wanting: (link: number) => Wanting | undefined;

  /** `unknown`: notifications were lost. Each link is told at most once for many changes at a time. */
  constructor(
    changed: (link: number | 'unknown', kind: LinkChangeKind) => void,
    wanting: (link: number) => Wanting | undefined,
  ) {
    this.#changed = changed;
    this.#wanting = wanting;
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
        if (link === undefined || changes.get(link) === 'contents') continue;
        const text = kind === 'contents' ? goneText(message) : undefined;
        if (text === undefined || this.#wanting(link)?.wants(text) !== false) changes.set(link, kind);
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

/** What is gone, where the message says so. */
function goneText(message: NetlinkMessage): string | undefined {
  const address = message.type === rtm.delAddr ? readAddress(message) : undefined;
  const route = message.type === rtmRoute.del ? readRoute(message) : undefined;
  return (address && addressText(address)) ?? (route && routeText(route));
}
