/** One pseudowire's circuit, which is a program behind a unix datagram socket: who it is, its status, its frames. */
import type { PlaneEvents } from '../engine/ports.ts';
import type { CircuitSpec } from '../engine/spec.ts';
import { pseudowireTypes } from '../engine/wire/pseudowire.ts';
import { atmFlag, atmFlags, cellOctets, flagsOfCell, isIdleCell } from './atm-cell.ts';
import type { Backlog } from './backlog.ts';
import type { CellPacking } from './cell-packing.ts';
import { makeOurs, refuseCell, refuseFrame } from './circuit-frames.ts';
import {
  activeStatus,
  attachedOctets,
  type CircuitPseudowire,
  circuitHeaderOctets,
  circuitMessage,
  circuitStatusOf,
  inactiveStatus,
  plainStatus,
  readAttachBody,
  readMessageType,
  readMessageValue,
  refusal,
  standbyStatus,
  writeAttached,
  writeMessageHeader,
} from './circuit-protocol.ts';
import { payloadHeadroomOctets } from './data-header.ts';
import type { DataPath } from './data-path.ts';
import { errnoName, native } from './native.ts';
import { Program } from './program.ts';
import type { Circuit, L2tpSession } from './sessions.ts';
import { unixAddressLength } from './unix-socket.ts';

/** Messages without a frame are made here, one at a time. */
const small = new Uint8Array(attachedOctets);

export interface ProgramCircuitParts {
  session: L2tpSession;
  pseudowire: CircuitPseudowire;
  spec: CircuitSpec;
  /** Of our socket. */
  fd: number;
  path: DataPath;
  packing: CellPacking;
  backlog: Backlog;
  events: PlaneEvents;
}

export class ProgramCircuit implements Circuit {
  spec: CircuitSpec;
  readonly #parts: ProgramCircuitParts;
  #program: Program | undefined = undefined;
  /** As the program has told it last; nobody's circuit is not active. */
  #status = inactiveStatus;
  /** What the engine knows: it takes a circuit that was just attached for active. */
  #told = activeStatus;
  #telling = false;
  /** The program was too busy to be told of the peer's circuit. */
  #owesPeer = false;
  #closed = false;

  constructor(parts: ProgramCircuitParts) {
    this.spec = parts.spec;
    this.#parts = parts;
    this.tell();
  }

  /** Takes leave of the program. */
  close(): void {
    this.#closed = true;
    writeMessageHeader(small, 0, circuitMessage.detach, 0);
    this.#program?.attempt(small, 0, circuitHeaderOctets);
    this.lose();
  }

  // -------------------------------------------------------------- the program

  /** Takes a datagram, bytes[start, end), in front of which is headroom for a data message's header. */
  hear(sender: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
    const type = readMessageType(bytes, start, end);
    const program = this.#program;
    const known = program?.is(sender) === true;
    if (known && type === circuitMessage.data) this.takeFrame(bytes, start, end);
    else if (type === circuitMessage.attach || type === 'otherVersion')
      this.meet(sender, known, type, bytes, start, end);
    else if (type === 'malformed') this.#parts.path.count('circuitMalformed');
    else if (known) this.obey(type, readMessageValue(bytes, start));
    else this.disown(sender, type);
  }

  /** Somebody wants to be the circuit. */
  private meet(
    sender: Uint8Array,
    known: boolean,
    type: number | 'otherVersion',
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { pseudowire, session, path } = this.#parts;
    const length = unixAddressLength(sender);
    const pseudowireType = readAttachBody(bytes, start, end);
    if (length === 0 || bytes[start + 1] !== circuitMessage.attach || pseudowireType === undefined) {
      path.count('circuitMalformed');
      return;
    }
    const address = sender.slice(0, length);
    const reason = type === 'otherVersion' ? refusal.otherVersion : this.refuse(known, pseudowireType);
    if (reason !== undefined) {
      this.answer(address, circuitMessage.refused, reason);
      return;
    }
    writeAttached(small, session.peerActive ? activeStatus : inactiveStatus, pseudowire);
    const answered = native.sendTo(this.#parts.fd, small, 0, attachedOctets, address);
    if (answered < 0) {
      // Whom we cannot reach is no circuit.
      path.count(`circuit ${errnoName(answered)}`);
      return;
    }
    this.#program?.forget();
    this.#program = this.programAt(address);
    this.#owesPeer = false;
    this.setStatus(readMessageValue(bytes, start));
  }

  private programAt(address: Uint8Array): Program {
    const { fd, backlog, session, path } = this.#parts;
    return new Program({
      fd,
      address,
      backlog,
      gone: () => this.lose(),
      lost(bytes, start, end, reason) {
        const isFrame = readMessageType(bytes, start, end) === circuitMessage.data;
        if (isFrame) path.lose(session, end - start - circuitHeaderOctets, reason);
      },
    });
  }

  private refuse(known: boolean, pseudowireType: number): number | undefined {
    if (pseudowireType !== pseudowireTypes[this.#parts.pseudowire]) return refusal.otherPseudowire;
    if (known) return undefined;
    this.probe();
    return this.#program === undefined ? undefined : refusal.busy;
  }

  private obey(type: number, value: number): void {
    if (type === circuitMessage.status) this.setStatus(value);
    else if (type === circuitMessage.detach) this.lose();
    else if (type !== circuitMessage.keepalive) this.#parts.path.count('circuitMalformed');
  }

  /** Tells a program from before we were started anew that it has to attach again. */
  private disown(sender: Uint8Array, type: number): void {
    this.#parts.path.count('circuitStranger');
    const length = unixAddressLength(sender);
    const lives = type === circuitMessage.data || type === circuitMessage.status || type === circuitMessage.keepalive;
    if (lives && length > 0) this.answer(sender.slice(0, length), circuitMessage.detach, 0);
  }

  /** Finds out whether the program has died. */
  probe(): void {
    if (this.#owesPeer) this.tellPeer(this.#parts.session.peerActive);
    writeMessageHeader(small, 0, circuitMessage.keepalive, 0);
    this.#program?.attempt(small, 0, circuitHeaderOctets);
  }

  private lose(): void {
    const program = this.#program;
    this.#program = undefined;
    program?.forget();
    this.setStatus(inactiveStatus);
  }

  /** To whoever is not attached. */
  private answer(address: Uint8Array, type: number, value: number): void {
    writeMessageHeader(small, 0, type, value);
    native.sendTo(this.#parts.fd, small, 0, circuitHeaderOctets, address);
  }

  // -------------------------------------------------------------- status

  tellPeer(active: boolean): void {
    writeMessageHeader(small, 0, circuitMessage.status, active ? activeStatus : inactiveStatus);
    this.#owesPeer = this.#program?.send(small, 0, circuitHeaderOctets) !== undefined;
  }

  private setStatus(value: number): void {
    this.#status = plainStatus(value);
    this.tell();
  }

  /** Tells the engine, which may be at work now: later, and of what then still differs. */
  private tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (this.#closed || this.#told === this.#status) return;
      this.#told = this.#status;
      this.#parts.events.circuit(this.#parts.session.key, circuitStatusOf(this.#status));
    });
  }

  // -------------------------------------------------------------- frames

  /** Then no user's frames are carried, either way (RFC 5641 2). */
  private get isStandby(): boolean {
    return (this.#status & standbyStatus) !== 0;
  }

  private takeFrame(bytes: Uint8Array, start: number, end: number): void {
    const { pseudowire } = this.#parts;
    const frame = start + circuitHeaderOctets;
    const reason = this.isStandby
      ? 'standby'
      : pseudowire === 'hdlc' || pseudowire === 'frameRelay' || pseudowire === 'atmAal5'
        ? this.sendFrame(pseudowire, bytes, frame, end, readMessageValue(bytes, start))
        : this.sendCells(pseudowire, bytes, frame, end);
    if (reason !== undefined) this.#parts.path.refuse(this.#parts.session, reason);
  }

  private sendFrame(
    pseudowire: 'hdlc' | 'frameRelay' | 'atmAal5',
    bytes: Uint8Array,
    start: number,
    end: number,
    value: number,
  ): string | undefined {
    const { session, path } = this.#parts;
    const saysFlags = session.format?.txSublayer === 'atm';
    const isCell = pseudowire === 'atmAal5' && (value & atmFlag.cell) !== 0;
    if (isCell && !saysFlags) return 'noAtmSublayer';
    const reason = refuseFrame(pseudowire, this.spec, bytes, start, end, value);
    if (reason !== undefined) return reason;
    const flags = isCell ? flagsOfCell(bytes, start) : saysFlags ? value & atmFlags : 0;
    path.outgoing.sendPayload(session, bytes, start - payloadHeadroomOctets, start, end, false, flags);
    return undefined;
  }

  private sendCells(pseudowire: CircuitPseudowire, bytes: Uint8Array, start: number, end: number): string | undefined {
    const { session, path, packing } = this.#parts;
    if (start === end || (end - start) % cellOctets !== 0) return 'noWholeCells';
    for (let at = start; at < end; at += cellOctets) {
      if (isIdleCell(bytes, at)) continue;
      const reason = refuseCell(pseudowire, this.spec, bytes, at);
      if (reason === undefined) packing.add(session, bytes, at, this.spec.maxCells);
      else path.refuse(session, reason);
    }
    return undefined;
  }

  /** The four octets in front of the payload, of its header, are overwritten. */
  take({ format }: L2tpSession, bytes: Uint8Array, start: number, end: number, sublayer: number): string | undefined {
    const { pseudowire } = this.#parts;
    const program = this.#program;
    if (program === undefined) return 'noProgram';
    if (this.isStandby) return 'standby';
    const flags = pseudowire === 'atmAal5' && format?.rxSublayer === 'atm' ? sublayer & atmFlags : 0;
    const reason = makeOurs(pseudowire, this.spec, bytes, start, end, flags);
    if (reason !== undefined) return reason;
    const at = start - circuitHeaderOctets;
    writeMessageHeader(bytes, at, circuitMessage.data, flags);
    return program.send(bytes, at, end);
  }
}
