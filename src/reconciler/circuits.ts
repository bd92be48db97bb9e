/** A Session's circuit: the program that an HDLC, Frame Relay or ATM pseudowire is attached to. */
import type { CircuitSpec, Pseudowire } from '../engine/spec.ts';
import type { Context } from './context.ts';
import type { SessionChain } from './resolve.ts';

/** Linux takes no longer path of a socket, in octets. */
const maxSocketOctets = 107;

const cellModes = ['atmCellPort', 'atmCellVcc', 'atmCellVpc'] as const;

/** Which pseudowires have what in their headers (RFC 4591 4.1, RFC 4454 5). */
const carriers = {
  dlci: ['frameRelay'],
  vpi: ['atmAal5', 'atmCellVcc', 'atmCellVpc'],
  vci: ['atmAal5', 'atmCellVcc'],
  maxCells: cellModes,
} as const satisfies Record<Exclude<keyof CircuitSpec, 'socket'>, readonly Pseudowire[]>;

export function circuitOf({ declarations }: Context, chain: SessionChain, name: string): CircuitSpec {
  const { pseudowire, circuit } = chain.values;
  const user = `Session/${name}`;
  const report = (field: keyof CircuitSpec, message: string) => {
    const path = `circuit.${field}`;
    const from = chain.fields[path]?.from ?? user;
    declarations.report(message, layerFrom(chain, from), path, user);
  };
  for (const [field, pseudowires] of Object.entries(carriers) as [keyof typeof carriers, readonly Pseudowire[]][]) {
    const from = chain.fields[`circuit.${field}`]?.from ?? 'built-in';
    if (from === 'built-in' || pseudowires.includes(pseudowire)) continue;
    report(field, `is for ${pseudowires.join(', ')}, and the pseudowire of ${user} is ${pseudowire}`);
  }
  const { socket = `/run/prol2tp/${name}.circuit`, dlci, vpi, vci, maxCells } = circuit;
  if (new TextEncoder().encode(socket).length > maxSocketOctets) {
    report(
      'socket',
      `${socket} is too long for a socket, whose path has at most ${maxSocketOctets} octets: give a shorter one`,
    );
  }
  return { socket, dlci, vpi, vci, maxCells };
}

function layerFrom({ layers }: SessionChain, from: string) {
  return layers.find((layer) => layer.from === from);
}
