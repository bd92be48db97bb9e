/**
 * What the kinds of circuits let into a pseudowire, and what they change in that which comes out of it: the identifiers
 * of the circuit are the sender's until the receiving end writes its own (RFC 4591 5). Nothing is allocated for a frame.
 */
import type { CircuitSpec } from '../engine/spec.ts';
import { atmFlag, cellOctets, isPathOam, readVci, readVpi, writeVci, writeVpi } from './atm-cell.ts';
import type { CircuitPseudowire } from './circuit-protocol.ts';
import { frameRelayHeaderOctets, readDlci, writeDlci } from './frame-relay.ts';

/** Address and control field (RFC 4349 4.1). */
const leastHdlcOctets = 2;

/** Why a frame of the circuit's, bytes[start, end), may not go to the peer. Cells are judged one by one: `refuseCell`. */
export function refuseFrame(
  pseudowire: 'hdlc' | 'frameRelay' | 'atmAal5',
  circuit: CircuitSpec,
  bytes: Uint8Array,
  start: number,
  end: number,
  flags: number,
): string | undefined {
  switch (pseudowire) {
    case 'hdlc':
      return end - start < leastHdlcOctets ? 'truncatedHdlc' : undefined;
    case 'frameRelay':
      return refuseFrameRelay(circuit, bytes, start, end);
    case 'atmAal5':
      if ((flags & atmFlag.cell) === 0) return start === end ? 'emptyAal5' : undefined;
      return end - start === cellOctets ? refuseCell(pseudowire, circuit, bytes, start) : 'noWholeCells';
    default:
      return pseudowire satisfies never;
  }
}

function refuseFrameRelay({ dlci }: CircuitSpec, bytes: Uint8Array, start: number, end: number): string | undefined {
  const octets = frameRelayHeaderOctets(bytes, start, end);
  if (octets === 0) return 'malformedFrameRelay';
  return dlci === undefined || readDlci(bytes, start, octets) === dlci ? undefined : 'otherDlci';
}

/** Why a cell of the circuit's may not go to the peer. A port takes all. */
export function refuseCell(
  pseudowire: CircuitPseudowire,
  { vpi, vci }: CircuitSpec,
  bytes: Uint8Array,
  at: number,
): string | undefined {
  if (pseudowire === 'atmCellPort') return undefined;
  if (vpi !== undefined && readVpi(bytes, at) !== vpi) return 'otherVpi';
  if (pseudowire === 'atmCellVpc') return undefined;
  const cellVci = readVci(bytes, at);
  if (isPathOam(cellVci)) return 'pathOam';
  return vci === undefined || cellVci === vci ? undefined : 'otherVci';
}

/** Makes what came from the peer the circuit's own, in place. Answers why it is dropped instead. */
export function makeOurs(
  pseudowire: CircuitPseudowire,
  circuit: CircuitSpec,
  bytes: Uint8Array,
  start: number,
  end: number,
  flags: number,
): string | undefined {
  switch (pseudowire) {
    case 'hdlc':
      return end - start < leastHdlcOctets ? 'truncatedHdlc' : undefined;
    case 'frameRelay':
      return giveDlci(circuit, bytes, start, end);
    case 'atmAal5':
      if ((flags & atmFlag.cell) === 0) return start === end ? 'emptyAal5' : undefined;
      return end - start === cellOctets ? giveChannel(pseudowire, circuit, bytes, start, end) : 'noWholeCells';
    case 'atmCellPort':
    case 'atmCellVcc':
    case 'atmCellVpc':
      return giveChannel(pseudowire, circuit, bytes, start, end);
    default:
      return pseudowire satisfies never;
  }
}

function giveDlci({ dlci }: CircuitSpec, bytes: Uint8Array, start: number, end: number): string | undefined {
  const octets = frameRelayHeaderOctets(bytes, start, end);
  if (octets === 0) return 'malformedFrameRelay';
  return dlci === undefined || writeDlci(bytes, start, octets, dlci) ? undefined : 'shortFrameRelay';
}

function giveChannel(
  pseudowire: CircuitPseudowire,
  { vpi, vci }: CircuitSpec,
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  if (end === start || (end - start) % cellOctets !== 0) return 'noWholeCells';
  if (pseudowire === 'atmCellPort') return undefined;
  const givesVci = pseudowire !== 'atmCellVpc' && vci !== undefined;
  for (let at = start; at < end; at += cellOctets) {
    if (vpi !== undefined) writeVpi(bytes, at, vpi);
    if (givesVci) writeVci(bytes, at, vci);
  }
  return undefined;
}
