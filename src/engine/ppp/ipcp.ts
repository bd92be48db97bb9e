/** The IP Control Protocol: RFC 1332, with the name servers of RFC 1877. */
import type { Random } from '../effects.ts';
import { readU32 } from '../wire/bytes.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import { bitOf, ControlProtocol, NCP_CAUSES, type Verdict, type Way } from './control-protocol.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import { type FrameWriter, Protocol } from './frame.ts';
import type { NegotiationLimits, PppSpec } from './spec.ts';

const Option = { address: 3, dns1: 129, wins1: 130, dns2: 131, wins2: 132 } as const;

/** The peer's end for peers that tell no address of theirs: it only names the other side of our device. */
const UNTOLD_ADDRESS: Ipv4 = 0x0a404040;

export class Ipcp extends ControlProtocol {
  private readonly spec: PppSpec;
  /** Our address; a client's is 0 until the server has told it. */
  local: Ipv4;
  /** What the peer gets of us as server. */
  private readonly peer: Ipv4;
  private readonly toldDns: readonly Ipv4[];
  /** What the peer's last request listed. */
  private peerAsked: Ipv4 | undefined = undefined;
  private dns1: Ipv4 = 0;
  private dns2: Ipv4 = 0;
  /** Our options that the peer rejected: one bit each, by `bitOf`. */
  private rejected = 0;

  /** `local`: a server's own address, a client's wish or 0. `peer`: the address that a server assigns. `dns`: what it tells. */
  constructor(spec: PppSpec, random: Random, local: Ipv4, peer: Ipv4, dns = spec.ipv4.dns) {
    super(random.below(256));
    this.spec = spec;
    this.local = local;
    this.peer = peer;
    this.toldDns = dns;
  }

  override get name(): string {
    return 'IPCP';
  }

  override get protocol(): number {
    return Protocol.ipcp;
  }

  protected override get limits(): NegotiationLimits {
    return this.spec.ipcp;
  }

  protected override get causes(): Readonly<Record<Way, CauseName>> {
    return NCP_CAUSES;
  }

  /** The peer's address. */
  get remote(): Ipv4 {
    if (this.spec.role === 'server') return this.peer;
    return this.peerAsked || this.spec.ipv4.remote || UNTOLD_ADDRESS;
  }

  /** Name servers: as client the ones that we were told, as server the ones that we tell. */
  dns(): readonly Ipv4[] {
    if (this.spec.role === 'server') return this.toldDns;
    return [this.wants(Option.dns1) ? this.dns1 : 0, this.wants(Option.dns2) ? this.dns2 : 0].filter((a) => a !== 0);
  }

  /** Why the opened protocol is of no use, or undefined when it is. */
  get flaw(): Ending | undefined {
    if (this.local === 0) {
      const reason =
        this.spec.role === 'client' ? 'the peer gave us no IPv4 address' : 'we have no IPv4 address for our own end';
      return ending(reason, 'ourAddressRefused', Protocol.ipcp);
    }
    if (this.spec.role === 'client' || this.peerAsked === this.peer) return undefined;
    return ending('the peer does not take the IPv4 address', 'peerAddressRefused', Protocol.ipcp);
  }

  // ---------------------------------------------------------------- what we ask for

  protected override resetRequest(): void {
    this.rejected = 0;
    if (this.spec.role === 'server') return;
    this.local = this.spec.ipv4.local ?? 0;
    this.dns1 = 0;
    this.dns2 = 0;
  }

  private wants(option: number): boolean {
    return (this.rejected & bitOf(option)) === 0;
  }

  protected override writeRequest(frame: FrameWriter): void {
    if (this.wants(Option.address)) writeAddress(frame, Option.address, this.local);
    if (this.spec.role === 'server') return;
    if (this.wants(Option.dns1)) writeAddress(frame, Option.dns1, this.dns1);
    if (this.wants(Option.dns2)) writeAddress(frame, Option.dns2, this.dns2);
  }

  protected override onNak(type: number, bytes: Uint8Array, at: number, octets: number): void {
    if (octets !== 4 || this.spec.role === 'server') return;
    const address = readU32(bytes, at);
    // A server that has no name server is asked for none: IPv4 does without.
    if (address === 0 && (type === Option.dns1 || type === Option.dns2)) this.onReject(type);
    switch (type) {
      case Option.address:
        this.local = address;
        break;
      case Option.dns1:
        this.dns1 = address;
        break;
      case Option.dns2:
        this.dns2 = address;
        break;
    }
  }

  protected override onReject(type: number): void {
    this.rejected |= bitOf(type);
  }

  // ---------------------------------------------------------------- what the peer asks for

  protected override resetPeer(): void {
    this.peerAsked = undefined;
  }

  protected override judge(type: number, bytes: Uint8Array, at: number, octets: number): Verdict {
    const offered = this.offered(type);
    if (offered === undefined) return 'reject';
    const address = octets === 4 ? readU32(bytes, at) : 0;
    if (type === Option.address) this.peerAsked = address;
    if (this.spec.role === 'client') return this.judgeServer(address);
    return octets === 4 && address === offered ? 'ack' : 'nak';
  }

  /** A server says which address it has; one that asks us gets what the profile says. */
  private judgeServer(address: Ipv4): Verdict {
    if (address !== 0) return 'ack';
    return this.spec.ipv4.remote === undefined ? 'reject' : 'nak';
  }

  /** The value that we give for an option, undefined when we do not negotiate it. */
  private offered(type: number): Ipv4 | undefined {
    if (this.spec.role === 'client') return type === Option.address ? (this.spec.ipv4.remote ?? 0) : undefined;
    const { toldDns: dns } = this;
    const { wins } = this.spec.ipv4;
    switch (type) {
      case Option.address:
        return this.peer;
      case Option.dns1:
        return dns[0];
      case Option.dns2:
        return dns[1];
      case Option.wins1:
        return wins[0];
      case Option.wins2:
        return wins[1];
      default:
        return undefined;
    }
  }

  protected override suggest(type: number, frame: FrameWriter): void {
    writeAddress(frame, type, this.offered(type) ?? 0);
  }

  /** RFC 1332 3.3: a client that does not ask for its address is told to. */
  protected override missingOption(): number {
    return this.spec.role === 'server' && this.peerAsked === undefined ? Option.address : 0;
  }
}

function writeAddress(frame: FrameWriter, option: number, address: Ipv4): void {
  frame.u8(option).u8(6).u32(address);
}
