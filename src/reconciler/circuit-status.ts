/** A pseudowire that is not PPP as its status shows it. */
import type { SessionView } from '../engine/spec.ts';
import { failureText } from './standing.ts';

type Ends = NonNullable<SessionView['circuit']>;

/** Whether its frames pass from circuit to circuit, and why not. */
export function circuitStanding({ pseudowire, interface: device, circuit, failure }: SessionView): {
  ready: boolean;
  reason: string;
  message: string;
} {
  if (device === undefined) {
    const why = failure === undefined ? '' : `; last: ${failureText(failure)}`;
    return {
      ready: false,
      reason: 'Attaching',
      message: `the ${pseudowire} pseudowire is attached to nothing yet${why}`,
    };
  }
  if (circuit && !circuit.local.active) {
    return {
      ready: false,
      reason: 'CircuitDown',
      message: `the circuit at ${device} is not active${faultText(circuit.local)}`,
    };
  }
  if (circuit && !circuit.peer.active) {
    const message = `the circuit at the peer is not active${faultText(circuit.peer)}`;
    return { ready: false, reason: 'PeerCircuitDown', message };
  }
  return { ready: true, reason: 'Up', message: `${pseudowire} on ${device}` };
}

export function circuitStatusOf({ local, peer }: Ends) {
  return { local: endOf(local), peer: endOf(peer) };
}

type End = Ends['local'];

function endOf(end: End): { active: boolean; standby?: boolean; faults?: string[] } {
  const faults = faultsOf(end);
  return { active: end.active, standby: end.standby, faults: faults.length === 0 ? undefined : faults };
}

/** RFC 5641 2. */
function faultsOf(end: End): string[] {
  const names = {
    circuitRxFault: 'circuitRx',
    circuitTxFault: 'circuitTx',
    pseudowireRxFault: 'pseudowireRx',
    pseudowireTxFault: 'pseudowireTx',
  } as const satisfies Record<Exclude<keyof End, 'active' | 'isNew' | 'standby'>, string>;
  const fields = Object.keys(names) as (keyof typeof names)[];
  return fields.filter((field) => end[field]).map((field) => names[field]);
}

function faultText(end: End): string {
  const faults = faultsOf(end);
  return faults.length === 0 ? '' : ` (fault: ${faults.join(', ')})`;
}
