/** One Ethernet or VLAN pseudowire at our end: a TAP device of its own, and what becomes of the frames between them. */
import { PlaneError } from '../engine/errors.ts';
import type { EthernetAttachment } from '../engine/ports.ts';
import type { EthernetSpec } from '../engine/spec.ts';
import { ownershipMark, type Snapshot } from './devices.ts';
import type { Drifting } from './drift.ts';
import {
  frameHeaderOctets,
  imposeTag,
  isTagged,
  removeTag,
  rewriteVlanId,
  tagOctets,
  vlanIdOf,
} from './ethernet-frame.ts';
import { isIpv6Off, startIpv6, stopIpv6 } from './ipv6-use.ts';
import { Joint } from './joint.ts';
import { deviceMtuFor } from './payload-mtu.ts';
import type { Removals } from './removals.ts';
import type { Rtnl } from './rtnl.ts';
import { addressText, type Link, type LinkAddress, parseLinkAddress } from './rtnl-objects.ts';
import type { Circuit, L2tpSession } from './sessions.ts';
import { openTap, setCarrier, stopTun, type Tun } from './tun.ts';

const leastIpv6Mtu = 1280;
/** An MTU does not count tags: a provider's and a customer's may come (IEEE 802.1ad). */
const maxTagsOctets = 2 * tagOctets;

/** Who writes frames to devices, and is told of them. */
export interface PortEvents {
  /** Frames wait at the device. */
  readable(port: EthernetPort): void;
  /** Its descriptor must no longer be used. */
  closing(): void;
  /** Somebody deleted it. */
  lost(port: EthernetPort): void;
  /** Writes a frame, which is valid until the batch ends, to the device. It counts as so many octets. */
  write(port: EthernetPort, bytes: Uint8Array, start: number, end: number, octets: number): void;
}

/** `down`: somebody set the device down. `broken`: it is gone, or the interface behind it is, or has no carrier. */
export type CircuitState = 'active' | 'down' | 'broken';

interface Tagging {
  action: 'strip' | 'rewrite';
  vlanId: number;
}

export class EthernetPort implements Circuit, Drifting {
  readonly session: L2tpSession;
  /** The links that this port is told of: its device's, and that of the interface behind it. */
  watched: readonly number[] = [];
  toldGaps = '';
  /** What was last told of the circuit; a session is attached as active. */
  toldState: CircuitState = 'active';

  readonly #rtnl: Rtnl;
  readonly #removals: Removals;
  readonly #events: PortEvents;
  readonly #joint: Joint;
  #owner = '';
  #spec: EthernetSpec = { vlanAction: 'keep', addresses: [] };
  #addresses: readonly LinkAddress[] = [];
  /** Of the VLAN on our side; undefined: frames go as they are. */
  #tagging: Tagging | undefined;
  #name: string;
  #macAddress: string | undefined;
  #mtu = 0;
  #pathMtu: number;
  #index = 0;
  #tun: Tun | undefined;
  #ipv6Off = true;
  #carrier = true;

  /** `name` may hold `%d` until the device is opened. */
  constructor(
    session: L2tpSession,
    name: string,
    pathMtu: number,
    parts: { rtnl: Rtnl; removals: Removals; events: PortEvents },
  ) {
    this.session = session;
    this.#name = name;
    this.#pathMtu = pathMtu;
    this.#rtnl = parts.rtnl;
    this.#removals = parts.removals;
    this.#events = parts.events;
    this.#joint = new Joint(parts.rtnl, parts.removals);
  }

  get name(): string {
    return this.#name;
  }

  get owner(): string {
    return this.#owner;
  }

  /** 0 while the device is gone. */
  get index(): number {
    return this.#index;
  }

  /** -1 while the device is gone. */
  get fd(): number {
    return this.#tun?.fd ?? -1;
  }

  /** The link of the interface behind the device; 0: none. */
  get interface(): number {
    return this.#joint.interface;
  }

  /** The name of the bridge or interface that the device should be joined with. */
  get partner(): string | undefined {
    return this.#joint.partner;
  }

  // -------------------------------------------------------------- the device

  /**
   * Takes a spec, and changes the device, if it is there, until it matches.
   * @throws PlaneError
   */
  configure({ owner, ethernet: spec }: EthernetAttachment): void {
    const addresses = spec.addresses.map(parseLinkAddress);
    const tagging = taggingOf(this.session, spec);
    if (addresses.length > 0 && (spec.bridge ?? spec.attach) !== undefined) {
      throw new PlaneError('EINVAL', `addresses of ${owner}: its device is part of a bridge, which may have some`);
    }
    const partner = this.#joint.find(spec);
    if (spec.attach !== undefined && this.#rtnl.routeTo(this.session.tunnel.remote.address)?.link === partner?.index) {
      throw new PlaneError('ELOOP', `interface ${spec.attach}: the tunnel itself goes over it`);
    }
    const before = this.#addresses;
    this.#owner = owner;
    this.#spec = spec;
    this.#addresses = addresses;
    this.#tagging = tagging;
    this.#macAddress = spec.macAddress?.toLowerCase() ?? this.#macAddress;
    this.#mtu = spec.mtu ?? deviceMtuFor(this.session, this.#pathMtu);
    if (this.#index === 0) return;
    const texts = new Set(addresses.map(addressText));
    for (const address of before) {
      if (!texts.has(addressText(address))) this.#rtnl.deleteAddress(this.#index, address);
    }
    this.restore();
  }

  /**
   * Creates the device and gives it all that it should have.
   * @throws PlaneError; EEXIST when the name is another's
   */
  open(): void {
    this.#removals.finish();
    const tun = openTap(this.#name, (events) => this.ready(events));
    this.#tun = tun;
    this.#name = tun.name;
    this.#carrier = true;
    try {
      const link = this.#rtnl.link(tun.name);
      if (link === undefined) throw new PlaneError('ENODEV', `TAP device ${tun.name}`);
      this.#index = link.index;
      this.#macAddress ??= link.macAddress;
      this.#ipv6Off = isIpv6Off(tun.name);
      this.restore();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Deletes the device, on the event loop's next turn, and lets go of what it was joined with. */
  close(): void {
    this.closeDevice();
    this.#joint.close();
  }

  private closeDevice(): void {
    const tun = this.#tun;
    if (tun === undefined) return;
    this.#events.closing();
    stopTun(tun);
    this.#removals.add(tun, this.#index);
    this.#tun = undefined;
    this.#index = 0;
  }

  private ready(events: number): void {
    if (events >= 0) {
      this.#events.readable(this);
      return;
    }
    this.closeDevice();
    this.#events.lost(this);
  }

  /**
   * Brings the device back to what it should be, by the least that does it.
   * @throws PlaneError
   */
  repair(): void {
    const link = this.#index === 0 ? undefined : this.#rtnl.link(this.#index);
    if (link !== undefined && link.name === this.#name) {
      this.restore();
    } else {
      this.closeDevice();
      this.open();
    }
  }

  /** Up comes last but for the addresses: until then nothing passes. */
  private restore(): void {
    const device = { index: this.#index, name: this.#name };
    const what = `device ${this.#name}`;
    const alias = ownershipMark + this.#owner;
    this.#rtnl.changeLink(this.#index, { macAddress: this.#macAddress, mtu: this.#mtu, alias }, what);
    if (this.#addresses.some((address) => isIpv6(address) && this.fits(address))) startIpv6(device);
    else stopIpv6(this.#rtnl, device);
    this.#joint.settle(device, this.#spec, alias);
    this.#rtnl.changeLink(this.#index, { up: true }, what);
    for (const address of this.#addresses) if (this.fits(address)) this.#rtnl.addAddress(this.#index, address);
    this.showPeer();
  }

  /** Whether the device can have such an address now: one of IPv6 needs room for IPv6 (RFC 8200 5). */
  private fits(address: LinkAddress): boolean {
    return !isIpv6(address) || (this.#mtu >= leastIpv6Mtu && !this.#ipv6Off);
  }

  /** Lets the device have a carrier while the peer's circuit is active. */
  showPeer(): void {
    const { peerActive } = this.session;
    if (this.#tun === undefined || this.#carrier === peerActive) return;
    setCarrier(this.#tun, peerActive);
    this.#carrier = peerActive;
  }

  /**
   * The way to the peer takes IP packets of so many octets now.
   * @throws PlaneError
   */
  setPathMtu(pathMtu: number): void {
    this.#pathMtu = pathMtu;
    const mtu = this.#spec.mtu ?? deviceMtuFor(this.session, pathMtu);
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    if (this.#index !== 0) this.restore();
  }

  // -------------------------------------------------------------- what the system says

  /** The state of the circuit now. */
  state(): CircuitState {
    const link = this.link();
    if (link === undefined || !this.#joint.runs) return 'broken';
    return link.up ? 'active' : 'down';
  }

  /** At one look: whether the links are as they should be. */
  isFine(): boolean {
    const link = this.link();
    return link !== undefined && this.linkGaps(link).length === 0 && this.#joint.holds(link);
  }

  private link(): Link | undefined {
    const link = this.#index === 0 ? undefined : this.#rtnl.link(this.#index);
    return link?.name === this.#name ? link : undefined;
  }

  /** In words, what differs from what should be. */
  gaps({ links, addresses }: Snapshot): string[] {
    const link = links.get(this.#index);
    if (link === undefined) return ['missing'];
    if (link.name !== this.#name) return [`renamed to ${link.name}`];
    const gaps = [...this.linkGaps(link), ...this.#joint.gaps(links, link)];
    for (const address of this.#addresses) {
      const text = addressText(address);
      if (this.fits(address) && !addresses.get(this.#index)?.has(text)) gaps.push(`address ${text} missing`);
    }
    return gaps;
  }

  private linkGaps(link: Link): string[] {
    const gaps: string[] = [];
    if (!link.up) gaps.push('down');
    if (link.mtu !== this.#mtu) gaps.push(`mtu ${link.mtu} instead of ${this.#mtu}`);
    const wantedMac = this.#spec.macAddress === undefined ? undefined : this.#macAddress;
    if (wantedMac !== undefined && link.macAddress !== wantedMac) {
      gaps.push(`MAC address ${link.macAddress} instead of ${wantedMac}`);
    }
    if (link.alias !== ownershipMark + this.#owner) gaps.push('alias changed');
    return gaps;
  }

  /** Whether the device should have the address of this text. */
  wants(text: string): boolean {
    return this.#addresses.some((address) => addressText(address) === text);
  }

  // -------------------------------------------------------------- frames

  take(_session: L2tpSession, bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.#tun === undefined) return 'deviceGone';
    if (end - start < frameHeaderOctets) return 'runtFrame';
    let at = start;
    const tagging = this.#tagging;
    if (tagging !== undefined) {
      if (!isTagged(bytes, start, end)) return 'untaggedFrame';
      if (tagging.action === 'strip') at = removeTag(bytes, start);
      else rewriteVlanId(bytes, start, tagging.vlanId);
    }
    if (end - at > this.#mtu + frameHeaderOctets + maxTagsOctets) return 'oversizeFrame';
    this.#events.write(this, bytes, at, end, end - start);
    return undefined;
  }

  /**
   * Makes a frame of the device's ready for the peer; in front of it there is room for a tag. Answers where it starts
   * then, or -1: it is of another VLAN.
   */
  toPeer(bytes: Uint8Array, start: number, end: number): number {
    const tagging = this.#tagging;
    if (tagging === undefined) return start;
    if (tagging.action === 'strip') return imposeTag(bytes, start, tagging.vlanId);
    return isTagged(bytes, start, end) && vlanIdOf(bytes, start) === tagging.vlanId ? start : -1;
  }
}

/** @throws PlaneError EINVAL without a VLAN */
function taggingOf({ pseudowire }: L2tpSession, { vlanAction, vlanId }: EthernetSpec): Tagging | undefined {
  if (pseudowire !== 'vlan' || vlanAction === 'keep') return undefined;
  if (vlanId === undefined) throw new PlaneError('EINVAL', `vlanAction ${vlanAction} without vlanId`);
  return { action: vlanAction, vlanId };
}

function isIpv6({ address }: LinkAddress): boolean {
  return address.includes(':');
}
