/** The IPv6 Control Protocol: RFC 5072 3-4. */
import type { Random } from '../effects.ts';
import { readU32 } from '../wire/bytes.ts';
import { ControlProtocol, NCP_CAUSES, type Verdict, type Way } from './control-protocol.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import { type FrameWriter, Protocol } from './frame.ts';
import type { NegotiationLimits, PppSpec } from './spec.ts';

const INTERFACE_ID = 1;

/** The universal/local bit: 0 in identifiers that are not made from a global one (RFC 5072 4.1). */
const UNIVERSAL = 1n << 57n;

/** How often a peer is told what it has to ask for. Then it has its way: it may have no choice. */
const MAX_INSISTENCE = 2;

export class Ipv6cp extends ControlProtocol {
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly wantedRemote: bigint | undefined;
  local: bigint;
  /** 0: untold. */
  remote = 0n;
  /** In our last Nak, until the peer's comes. 0: there was none. */
  private suggested = 0n;
  private listed = false;
  private rejected = false;

  /** `wantedRemote`: what the peer is to have, if it takes it. It comes before our own, which must be another. */
  constructor(spec: PppSpec, random: Random, wantedRemote?: bigint) {
    super(random.below(256));
    this.spec = spec;
    this.random = random;
    this.wantedRemote = wantedRemote || undefined;
    const { interfaceId } = spec.ipv6;
    this.local = interfaceId && interfaceId !== wantedRemote ? interfaceId : this.randomLocal();
  }

  override get name(): string {
    return 'IPV6CP';
  }

  override get protocol(): number {
    return Protocol.ipv6cp;
  }

  protected override get limits(): NegotiationLimits {
    return this.spec.ipcp;
  }

  protected override get causes(): Readonly<Record<Way, CauseName>> {
    return NCP_CAUSES;
  }

  /** Why the opened protocol is of no use, or undefined when it is. */
  get flaw(): Ending | undefined {
    if (this.remote !== 0n) return undefined;
    return ending('the peer told no IPv6 interface identifier', 'peerAddressRefused', Protocol.ipv6cp);
  }

  protected override resetRequest(): void {
    this.rejected = false;
  }

  protected override writeRequest(frame: FrameWriter): void {
    if (!this.rejected) writeInterfaceId(frame, this.local);
  }

  protected override onNak(type: number, bytes: Uint8Array, at: number, octets: number): void {
    if (type !== INTERFACE_ID || octets !== 8) return;
    const suggested = readU64(bytes, at);
    // RFC 5072 4.1: both sides may have suggested the same at the same time: then neither takes it.
    const taken = [0n, this.remote, this.wantedRemote, this.suggested].includes(suggested);
    this.local = taken ? this.randomLocal() : suggested;
    this.suggested = 0n;
  }

  protected override onReject(_type: number): void {
    this.rejected = true;
  }

  protected override resetPeer(): void {
    this.remote = 0n;
    this.listed = false;
  }

  protected override judge(type: number, bytes: Uint8Array, at: number, octets: number): Verdict {
    if (type !== INTERFACE_ID) return 'reject';
    this.listed = true;
    if (octets !== 8) return 'nak';
    this.remote = readU64(bytes, at);
    if (this.remote === 0n || this.remote === this.local) return 'nak';
    return this.wantedRemote === undefined || this.remote === this.wantedRemote || this.insisted ? 'ack' : 'nak';
  }

  protected override suggest(_type: number, frame: FrameWriter): void {
    this.suggested = this.suggestion();
    writeInterfaceId(frame, this.suggested);
  }

  /** An identifier for the peer: unlike ours, not 0, and the same each time. */
  private suggestion(): bigint {
    if (this.wantedRemote !== undefined && this.wantedRemote !== this.local) return this.wantedRemote;
    const local = this.local & ~UNIVERSAL;
    return local === 1n ? 2n : local ^ 1n;
  }

  private randomLocal(): bigint {
    const id = randomInterfaceId(this.random);
    return [id, id ^ 2n, id ^ 4n].find((one) => one !== this.remote && one !== this.wantedRemote) ?? id;
  }

  /** Whether the peer has been told often enough: one Nak more would be a Reject of the option, or is no use. */
  private get insisted(): boolean {
    return this.refusalsSent >= Math.min(MAX_INSISTENCE, this.limits.maxConfigNaks);
  }

  /** RFC 5072 4.1: a peer has to list an identifier. */
  protected override missingOption(): number {
    return this.listed || this.insisted ? 0 : INTERFACE_ID;
  }
}

function randomInterfaceId(random: Random): bigint {
  const bytes = random.bytes(8);
  return (readU64(bytes, 0) & ~UNIVERSAL) | 1n;
}

function readU64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32(bytes, at)) << 32n) | BigInt(readU32(bytes, at + 4));
}

function writeInterfaceId(frame: FrameWriter, id: bigint): void {
  frame
    .u8(INTERFACE_ID)
    .u8(10)
    .u32(Number(id >> 32n))
    .u32(Number(id & 0xffffffffn));
}
