/**
 * The Compression Control Protocol (RFC 1962), for nothing but MPPE (RFC 3078): encryption with 128 bits, and stateless,
 * so that a lost packet costs no other. Compression proper is nobody's use here.
 */
import type { Random } from '../effects.ts';
import { readU32 } from '../wire/bytes.ts';
import { ControlProtocol, NCP_CAUSES, type Verdict, type Way } from './control-protocol.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import { type FrameWriter, Protocol } from './frame.ts';
import type { NegotiationLimits, PppSpec } from './spec.ts';

const MPPE = 18;
/** RFC 3078 3: the H bit (stateless) and the S bit (128 bits). */
const SUPPORTED = 0x0100_0040;

/** RFC 1962 3: without a state there is nothing to reset. */
const ResetCode = { request: 14, ack: 15 } as const;

export class Ccp extends ControlProtocol {
  private readonly spec: PppSpec;
  private listed = false;
  private rejected = false;

  constructor(spec: PppSpec, random: Random) {
    super(random.below(256));
    this.spec = spec;
  }

  override get name(): string {
    return 'CCP';
  }

  override get protocol(): number {
    return Protocol.ccp;
  }

  protected override get limits(): NegotiationLimits {
    return this.spec.ipcp;
  }

  protected override get causes(): Readonly<Record<Way, CauseName>> {
    return NCP_CAUSES;
  }

  /** Why the opened protocol is of no use, or undefined when both ends encrypt. */
  get flaw(): Ending | undefined {
    if (this.listed && !this.rejected) return undefined;
    return ending('the peer does not encrypt with 128-bit stateless MPPE', 'noNcp', Protocol.ccp);
  }

  protected override resetRequest(): void {
    this.rejected = false;
  }

  protected override writeRequest(frame: FrameWriter): void {
    if (!this.rejected) writeMppe(frame);
  }

  protected override onNak(type: number, bytes: Uint8Array, at: number, octets: number): void {
    if (type !== MPPE || (octets === 4 && readU32(bytes, at) === SUPPORTED)) return;
    this.trouble = ending('the peer wants another MPPE than with 128 bits and stateless', 'noNcp', Protocol.ccp);
  }

  protected override onReject(_type: number): void {
    this.rejected = true;
  }

  protected override resetPeer(): void {
    this.listed = false;
  }

  protected override judge(type: number, bytes: Uint8Array, at: number, octets: number): Verdict {
    if (type !== MPPE) return 'reject';
    this.listed = true;
    return octets === 4 && readU32(bytes, at) === SUPPORTED ? 'ack' : 'nak';
  }

  protected override suggest(_type: number, frame: FrameWriter): void {
    writeMppe(frame);
  }

  /** A peer that lists no MPPE is told to once. */
  protected override missingOption(): number {
    return this.listed || this.refusalsSent > 0 ? 0 : MPPE;
  }

  protected override onOtherCode(code: number): number | undefined {
    return code === ResetCode.request || code === ResetCode.ack ? 0 : undefined;
  }
}

function writeMppe(frame: FrameWriter): void {
  frame.u8(MPPE).u8(6).u32(SUPPORTED);
}
