/** The TUN devices that PPP sessions are attached to: each one's own, or shared ones. */
import { PlaneError } from '../engine/errors.ts';
import type { IpAttachment, PlaneEvents } from '../engine/ports.ts';
import type { DeviceSpec, PlaneDevice } from '../engine/spec.ts';
import { drop } from './attachment.ts';
import type { DataPath } from './data-path.ts';
import { Device, type DeviceEvents, type Snapshot } from './devices.ts';
import { Drift } from './drift.ts';
import { configureOwn, Guards, releaseGuard } from './own-device.ts';
import type { Removals } from './removals.ts';
import type { Rtnl } from './rtnl.ts';
import type { LinkChangeKind } from './rtnl-monitor.ts';
import type { L2tpSession } from './sessions.ts';
import { configureShared, joinShared, leaveShared } from './shared-device.ts';

const ownNamePattern = 'l2tp%d';
const sharedOwner = 'Gateway';

export interface TunDevicesParts {
  rtnl: Rtnl;
  removals: Removals;
  path: DataPath;
  events: PlaneEvents;
}

export class TunDevices {
  readonly #rtnl: Rtnl;
  readonly #removals: Removals;
  readonly #path: DataPath;
  readonly #guards: Guards;
  readonly #devices = new Map<string, Device>();
  readonly #drift: Drift;

  readonly #deviceEvents: DeviceEvents = {
    readable: (device) => {
      this.#path.transmit(device);
    },
    closing: () => this.#path.closing(),
    lost: (device) => this.#drift.mark(device),
  };

  constructor({ rtnl, removals, path, events }: TunDevicesParts) {
    this.#rtnl = rtnl;
    this.#removals = removals;
    this.#path = path;
    this.#guards = new Guards(rtnl);
    this.#drift = new Drift(rtnl, this.#devices, events);
  }

  /** How many devices there are. */
  get size(): number {
    return this.#devices.size;
  }

  // -------------------------------------------------------------- attachments

  /**
   * Again with other facts: changes what differs. Answers the device's name. When it fails, the session may be attached
   * by half: it is to be detached.
   * @throws PlaneError
   */
  attach(session: L2tpSession, attachment: IpAttachment): string {
    const { interface: wanted } = attachment;
    const device =
      wanted.kind === 'own'
        ? this.attachOwn(session, attachment, wanted.name)
        : this.attachShared(session, attachment, wanted.name);
    return device.name;
  }

  private attachOwn(session: L2tpSession, attachment: IpAttachment, name: string | undefined): Device {
    const before = this.carrierOf(session);
    const same = before?.sole === session && before.owner === attachment.owner && (name ?? before.name) === before.name;
    if (!same) this.detach(session);
    const device = same ? before : this.openDevice(name, attachment.owner, attachment.mtu);
    configureOwn(device, session, attachment, this.#rtnl, this.#guards, () =>
      [...this.#devices.values()].map((other) => other.index),
    );
    return device;
  }

  private attachShared(session: L2tpSession, attachment: IpAttachment, name: string): Device {
    this.detach(session);
    const device = this.#devices.get(name);
    if (device?.spec === undefined) throw new PlaneError('ENODEV', `shared device ${name}`);
    joinShared(device, session, attachment);
    return device;
  }

  /** Nothing happens when the session is not attached. */
  detach(session: L2tpSession): void {
    const device = this.carrierOf(session);
    if (!device) return;
    this.#path.forgetPackets(session);
    if (device.sole === session) {
      drop(session);
      this.closeDevice(device);
    } else {
      leaveShared(device, session);
    }
  }

  private carrierOf(session: L2tpSession): Device | undefined {
    return session.carrier && this.#devices.get(session.carrier.name);
  }

  // -------------------------------------------------------------- devices

  /** Without a name, the kernel gives one. */
  private openDevice(name: string | undefined, owner: string, mtu: number): Device {
    const holder = name === undefined ? undefined : this.#devices.get(name);
    if (holder) throw new PlaneError('EEXIST', `device ${name} is in use by ${holder.owner}`);
    if (name?.includes('%')) throw new PlaneError('EINVAL', `device ${name}: a name without "%"`);
    const device = new Device(this.#rtnl, this.#removals, this.#deviceEvents, name ?? ownNamePattern, owner, mtu);
    device.open();
    if (this.#devices.has(device.name)) {
      // The kernel gave the name of a device of ours that somebody deleted: it waits to be repaired under that name.
      device.close();
      return this.openDevice(this.unusedName(), owner, mtu);
    }
    this.#devices.set(device.name, device);
    return device;
  }

  private unusedName(): string {
    for (let number = 0; ; number++) {
      const name = ownNamePattern.replace('%d', String(number));
      if (!this.#devices.has(name) && this.#rtnl.link(name) === undefined) return name;
    }
  }

  private closeDevice(device: Device): void {
    this.#devices.delete(device.name);
    this.#drift.forget(device);
    // At once, for the tunnel's own packets may follow.
    if (device.sole !== undefined) device.setRoutes([]);
    device.proxies.setAll([]);
    device.close();
    releaseGuard(device, this.#guards);
  }

  /**
   * Makes a shared device, or makes one that is there follow its spec.
   * @throws PlaneError
   */
  share(spec: DeviceSpec): void {
    const known = this.#devices.get(spec.name);
    if (known && known.spec === undefined)
      throw new PlaneError('EEXIST', `device ${spec.name} is in use by ${known.owner}`);
    const device = known ?? this.openDevice(spec.name, sharedOwner, spec.mtu);
    try {
      configureShared(device, spec, this.sessionsOf(device));
    } catch (error) {
      if (!known) this.closeDevice(device);
      throw error;
    }
  }

  /** @throws PlaneError ENODEV */
  remove(name: string): void {
    const device = this.#devices.get(name);
    if (device?.spec === undefined) throw new PlaneError('ENODEV', `shared device ${name}`);
    for (const session of this.sessionsOf(device)) {
      this.#path.forgetPackets(session);
      leaveShared(device, session);
    }
    this.closeDevice(device);
  }

  private sessionsOf(device: Device): L2tpSession[] {
    return [...this.#path.sessions.values()].filter((session) => session.carrier === device);
  }

  /** @throws PlaneError */
  repair(name: string): void {
    const device = this.#devices.get(name);
    if (!device) throw new PlaneError('ENODEV', `device ${name}`);
    device.repair();
    device.toldGaps = '';
  }

  list(snapshot: Snapshot): PlaneDevice[] {
    return [...this.#devices.values()].map((device) => ({
      name: device.name,
      owner: device.owner,
      spec: device.spec,
      gaps: device.gaps(snapshot),
    }));
  }

  close(): void {
    this.#drift.close();
    for (const device of [...this.#devices.values()]) this.closeDevice(device);
  }

  // -------------------------------------------------------------- what the system says

  /** Whose device a link is. */
  device(link: number): Device | undefined {
    return this.#drift.device(link);
  }

  linkChanged(link: number | 'unknown', kind: LinkChangeKind): void {
    this.#drift.linkChanged(link, kind);
  }
}
