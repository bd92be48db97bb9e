/** Circuits between two simulated nodes that both declare them, and static tunnels: what is opened, and what must be true. */
import { expect } from 'vitest';
import { sessionKeyOf } from '../../src/engine/ports.ts';
import { Secret, type SessionSpec, type SessionView, type TunnelSpec } from '../../src/engine/spec.ts';
import type { CircuitStatus } from '../../src/engine/wire/avp.ts';
import { drawData, pick, type Terms } from './mixed-terms.ts';
import { redial } from './redial.ts';
import {
  ethernetSpec,
  type Node,
  type SeededRandom,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
} from './world.ts';

/** The two Sessions that declare one circuit. */
export type CircuitEnds = Record<'a' | 'b', SessionSpec>;

/** Whether we ask, at either end. */
const askers = [
  ['lacIncoming', 'lacIncoming'],
  ['lacIncoming', 'lnsIncoming'],
  ['lnsIncoming', 'lacIncoming'],
] as const;

const circuitTypes = ['ethernet', 'vlan', 'hdlc', 'frameRelay', 'atmAal5', 'atmCellVcc'] as const;

/**
 * Both ends ask for it; or, where both have one tunnel, one of them, or it is static. What data messages look like is for
 * each to say.
 */
export function drawCircuit(dice: SeededRandom, index: number, areJoined: boolean): CircuitEnds {
  const pseudowire = pick(dice, circuitTypes);
  const isEthernet = pseudowire === 'ethernet' || pseudowire === 'vlan';
  const attachment = isEthernet ? { ethernet: ethernetSpec } : { circuit: { socket: `/run/${index}`, maxCells: 4 } };
  const [a, b] = areJoined ? pick(dice, askers) : askers[0];
  const types = { a, b };
  const end = (name: 'a' | 'b') =>
    sessionSpec(`circuit-${index}`, {
      parameters: { ...sessionParameters, type: types[name], pseudowire, ...drawData(dice) },
      remoteEndId: `0x0000000${index}`,
      ...attachment,
    });
  return areJoined && dice.chance(0.15) ? staticEnds(index, 'to-peer') : { a: end('a'), b: end('b') };
}

function staticEnds(index: number, tunnel: string): CircuitEnds {
  const parameters = { ...sessionParameters, pseudowire: 'ethernet' as const };
  const [one, other] = [new Secret(`one${index}`), new Secret(`other!!${index}`)];
  const common = { tunnel, parameters, ethernet: ethernetSpec };
  // Unique on the host, like all ids of L2TPv3.
  const base = tunnel === 'static' ? 100 : 200;
  const [first, second] = [base + index, base + 50 + index];
  return {
    a: sessionSpec(`static-${tunnel}-${index}`, {
      ...common,
      static: { localSessionId: first, remoteSessionId: second, localCookie: one, remoteCookie: other },
    }),
    b: sessionSpec(`static-${tunnel}-${index}`, {
      ...common,
      static: { localSessionId: second, remoteSessionId: first, localCookie: other, remoteCookie: one },
    }),
  };
}

/** A tunnel without a control connection, with its sessions. */
export function staticTunnel(a: Node, b: Node, { encapsulation }: Terms, sessions: number) {
  const parameters = tunnelParameters({ version: 'v3' });
  const common = { name: 'static', parameters, encapsulation };
  const ends = Array.from({ length: sessions }, (_, index) => staticEnds(index, 'static'));
  return [
    {
      node: a,
      tunnel: tunnelSpec(b.address, { ...common, static: { localTunnelId: 10, remoteTunnelId: 20 } }),
      calls: ends.map((each) => each.a),
    },
    {
      node: b,
      tunnel: tunnelSpec(a.address, { ...common, static: { localTunnelId: 20, remoteTunnelId: 10 } }),
      calls: ends.map((each) => each.b),
    },
  ];
}

/** What happens to circuits: up, down, broken, standby. */
export function drawStatus(dice: SeededRandom): CircuitStatus {
  const active = dice.chance(0.5);
  const standby = dice.chance(0.2) ? true : undefined;
  return active
    ? { active, isNew: false, standby }
    : { active, isNew: false, standby, circuitRxFault: dice.chance(0.5) ? true : undefined };
}

/** Something happens to the circuit of one session, if the node has any. */
export function disturb(node: Node, dice: SeededRandom): void {
  const circuits = [...node.planeSessions].filter(([, { circuit }]) => circuit !== undefined);
  if (circuits.length === 0) return;
  node.circuit(pick(dice, circuits)[0], drawStatus(dice));
}

interface Declared {
  node: Node;
  tunnel: TunnelSpec;
}

/**
 * Dials from both ends at once, so that there is a tie. Once it is settled both ends have one tunnel, which carries the
 * calls of either; as long as they have not, both begin anew every so often.
 */
export function redialTogether([one, other]: readonly [Declared, Declared], now: number): boolean {
  const views = [one, other].map(({ node, tunnel }) =>
    [...node.engine.declaredTunnels()].find(({ name }) => name === tunnel.name),
  );
  const [mine, theirs] = views;
  const isOne = mine?.state === 'established' && theirs?.state === 'established' && mine.localId === theirs.remoteId;
  if (isOne) return true;
  for (const { node, tunnel } of [one, other]) node.run(node.engine.closeTunnel(tunnel.name, now));
  for (const { node, tunnel } of [one, other]) redial(node, tunnel);
  return false;
}

const flags = [
  'active',
  'circuitRxFault',
  'circuitTxFault',
  'pseudowireRxFault',
  'pseudowireTxFault',
  'standby',
] as const;

function told(status: CircuitStatus | undefined): boolean[] {
  return flags.map((flag) => status?.[flag] ?? false);
}

/** Both ends of a session of L2TPv3 know the same of each other, crosswise. */
export function expectAgreement(node: Node, mine: SessionView, peer: Node, theirs: SessionView): void {
  expect([mine.localId, mine.remoteId]).toEqual([theirs.remoteId, theirs.localId]);
  expect(mine.pseudowire).toBe(theirs.pseudowire);
  const [here, there] = [planeOf(node, mine), planeOf(peer, theirs)];
  expect(here.format?.localCookie).toEqual(there.format?.remoteCookie);
  expect(here.format?.remoteCookie).toEqual(there.format?.localCookie);
  expect([here.format?.rxSublayer, here.format?.txSublayer]).toEqual([
    there.format?.txSublayer,
    there.format?.rxSublayer,
  ]);
  expect(here.format?.checksSequence).toBe(there.sequencing !== 'none');
  expect(there.format?.checksSequence).toBe(here.sequencing !== 'none');
  if (mine.spec?.static || theirs.spec?.static) return;
  expect(told(mine.circuit?.local)).toEqual(told(theirs.circuit?.peer));
  expect(told(mine.circuit?.peer)).toEqual(told(theirs.circuit?.local));
  const isOpen = ({ circuit }: SessionView) => circuit?.peer.active === true && !circuit.peer.standby;
  if (mine.pseudowire === 'ppp') return;
  expect(here.circuit).toEqual({ peerActive: isOpen(mine) });
  expect(there.circuit).toEqual({ peerActive: isOpen(theirs) });
}

function planeOf(node: Node, { version, tunnelLocalId, localId }: SessionView) {
  const session = node.planeSessions.get(sessionKeyOf(version, tunnelLocalId, localId));
  if (!session) throw new Error('the plane does not have the session');
  return session;
}
