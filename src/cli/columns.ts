/** What a table shows of each kind. */
import type {
  ApiEvent,
  ApiObject,
  CircuitStatus,
  DeclarationError,
  GatewayObject,
  LastError,
  PoolObject,
  PppoeServerObject,
  PppoeSession,
  RadiusStatus,
  SessionObject,
  TunnelObject,
} from '../api/types.ts';
import { formatAge, formatEndpoint, formatOctets } from './format.ts';

export interface Column<Item> {
  title: string;
  /** `nowMs`: milliseconds since the epoch. */
  cell(item: Item, nowMs: number): string | number | undefined;
  /** Shown with `-o wide` only. */
  wide?: boolean;
  /** Changes all the time: no reason to print the row again when watching. */
  restless?: boolean;
}

export const tunnelColumns: readonly Column<TunnelObject>[] = [
  { title: 'NAME', cell: nameOf },
  { title: 'STATE', cell: ({ status }) => status.state },
  { title: 'PEER', cell: ({ status }) => status.peer?.address },
  { title: 'LOCAL-ID', cell: ({ status }) => status.localId },
  { title: 'REMOTE-ID', cell: ({ status }) => status.remoteId },
  { title: 'SESSIONS', cell: ({ status: { sessions } }) => sessions && `${sessions.established}/${sessions.total}` },
  { title: 'AGE', cell: ({ status }, nowMs) => formatAge(status.since, nowMs), restless: true },
  { title: 'LOCAL-ADDRESS', cell: ({ status: { local } }) => local && formatEndpoint(local), wide: true },
  { title: 'PEER-ADDRESS', cell: ({ status: { peer } }) => peer && formatEndpoint(peer), wide: true },
  { title: 'VERSION', cell: ({ status: { version } }) => version && `v${version}`, wide: true },
  { title: 'OVER', cell: ({ status }) => status.encapsulation, wide: true },
  { title: 'DIGEST-FAILURES', cell: ({ status }) => status.counters?.digestFailures, wide: true, restless: true },
  { title: 'HOST-NAME', cell: ({ status }) => status.peer?.hostName, wide: true },
  { title: 'DATA-PLANE', cell: ({ status }) => status.dataPlane, wide: true },
  { title: 'LAST-ERROR', cell: ({ status }) => formatLastError(status.lastError) ?? refusalOf(status), wide: true },
];

export const sessionColumns: readonly Column<SessionObject>[] = [
  { title: 'NAME', cell: nameOf },
  { title: 'TUNNEL', cell: ({ status }) => status.tunnel },
  { title: 'READY', cell: readyOf },
  { title: 'STATE', cell: ({ status }) => status.state },
  { title: 'USER', cell: ({ status }) => status.ppp?.user },
  { title: 'ADDRESS', cell: ({ status }) => ownAddress(status) },
  { title: 'INTERFACE', cell: ({ status }) => status.interface },
  { title: 'RX', cell: ({ status }) => formatOctets(status.counters?.rxOctets), restless: true },
  { title: 'TX', cell: ({ status }) => formatOctets(status.counters?.txOctets), restless: true },
  { title: 'AGE', cell: ({ status }, nowMs) => formatAge(status.since, nowMs), restless: true },
  { title: 'PSEUDOWIRE', cell: ({ status }) => status.pseudowire, wide: true },
  { title: 'TYPE', cell: ({ status }) => status.type, wide: true },
  { title: 'LOCAL-ID', cell: ({ status }) => status.localId, wide: true },
  { title: 'REMOTE-ID', cell: ({ status }) => status.remoteId, wide: true },
  { title: 'REMOTE-END-ID', cell: ({ status }) => status.remoteEndId, wide: true },
  { title: 'CIRCUIT', cell: ({ status: { circuit } }) => circuit && formatCircuit(circuit.local), wide: true },
  { title: 'PEER-CIRCUIT', cell: ({ status: { circuit } }) => circuit && formatCircuit(circuit.peer), wide: true },
  { title: 'PHASE', cell: ({ status }) => status.ppp?.phase, wide: true },
  { title: 'AUTH', cell: ({ status }) => status.ppp?.auth, wide: true },
  { title: 'PREFIX', cell: ({ status }) => status.ppp?.ipv6?.prefix, wide: true },
  { title: 'DELEGATED', cell: ({ status }) => status.ppp?.ipv6?.delegated, wide: true },
  { title: 'CALLING', cell: ({ status }) => status.callingNumber, wide: true },
  { title: 'CALLED', cell: ({ status }) => status.calledNumber, wide: true },
  { title: 'SWITCHED-WITH', cell: ({ status }) => status.switchedWith, wide: true },
  { title: 'LAST-ERROR', cell: ({ status }) => formatLastError(status.lastError) ?? refusalOf(status), wide: true },
];

export const gatewayColumns: readonly Column<GatewayObject>[] = [
  { title: 'NAME', cell: nameOf },
  { title: 'READY', cell: readyOf },
  { title: 'DIALLED-TUNNELS', cell: ({ status }) => status.tunnels.dialled },
  { title: 'ACCEPTED-TUNNELS', cell: ({ status }) => status.tunnels.accepted },
  { title: 'DIALLED-SESSIONS', cell: ({ status }) => status.sessions.dialled },
  { title: 'ACCEPTED-SESSIONS', cell: ({ status }) => status.sessions.accepted },
  { title: 'RADIUS', cell: ({ status: { radius } }) => radius && aliveOf(radius), wide: true },
  { title: 'SPOOLED', cell: ({ status }) => status.radius?.spooled, wide: true, restless: true },
  { title: 'DROPPED', cell: ({ status: { dropped } }) => dropped && formatCounts(dropped), wide: true, restless: true },
];

export const pppoeServerColumns: readonly Column<PppoeServerObject>[] = [
  { title: 'NAME', cell: nameOf },
  { title: 'READY', cell: readyOf },
  { title: 'INTERFACE', cell: ({ status }) => status.interface },
  { title: 'SESSIONS', cell: ({ status }) => status.sessions },
  { title: 'AC-NAME', cell: ({ status }) => status.acName, wide: true },
];

export const pppoeSessionColumns: readonly Column<PppoeSession>[] = [
  { title: 'SERVER', cell: ({ server }) => server },
  { title: 'ID', cell: ({ sessionId }) => sessionId },
  { title: 'PEER', cell: ({ peer }) => peer },
  { title: 'USER', cell: ({ user }) => user },
  { title: 'SWITCHED-WITH', cell: ({ switchedWith }) => switchedWith },
  { title: 'AGE', cell: ({ since }, nowMs) => formatAge(since, nowMs), restless: true },
];

export const poolColumns: readonly Column<PoolObject>[] = [
  { title: 'NAME', cell: nameOf },
  { title: 'READY', cell: readyOf },
  { title: 'TOTAL', cell: ({ status }) => status.total },
  { title: 'USED', cell: ({ status }) => status.used },
  { title: 'FREE', cell: ({ status }) => status.total - status.used },
  { title: 'PREFIXES', cell: ({ status: { prefixes } }) => prefixes.total },
  { title: 'PREFIXES-USED', cell: ({ status: { prefixes } }) => prefixes.used },
  { title: 'REFUSED', cell: ({ status }) => status.refused },
];

export const eventColumns: readonly Column<ApiEvent>[] = [
  { title: 'AGE', cell: ({ time }, nowMs) => formatAge(time, nowMs), restless: true },
  { title: 'OBJECT', cell: formatObject },
  { title: 'REASON', cell: ({ reason }) => reason },
  { title: 'MESSAGE', cell: ({ message }) => message },
];

export const errorColumns: readonly Column<DeclarationError>[] = [
  { title: 'RESOURCE', cell: ({ resource }) => resource },
  {
    title: 'PLACE',
    cell: ({ file, line, column }) => [file, line, column].filter((part) => part !== undefined).join(':'),
  },
  { title: 'PATH', cell: ({ path }) => path },
  { title: 'MESSAGE', cell: ({ message }) => message },
];

/** `up`, `standby`, or `down(circuitRx)`. */
export function formatCircuit({ active, standby, faults = [] }: CircuitStatus): string {
  if (active) return standby ? 'standby' : 'up';
  return faults.length === 0 ? 'down' : `down(${faults.join(',')})`;
}

/** `Kind/name`, or the kind alone where there is one only. */
export function formatObject({ kind, name }: { kind: string; name?: string }): string {
  return name === undefined ? kind : `${kind}/${name}`;
}

export function formatLastError(error: LastError | undefined): string | undefined {
  if (!error) return undefined;
  // Tunnels' messages end with them already.
  if (/\(result \d+[^)]*\)$/.test(error.message)) return error.message;
  const codes = [
    error.result === undefined ? undefined : `result ${error.result}`,
    error.error === undefined ? undefined : `error ${error.error}`,
  ].filter((code) => code !== undefined);
  return codes.length === 0 ? error.message : `${error.message} (${codes.join(', ')})`;
}

/** Why the system does not let us dial: then there is nothing live that has an error. */
function refusalOf({ conditions }: TunnelObject['status'] | SessionObject['status']): string | undefined {
  return conditions.find(({ type, reason }) => type === 'Ready' && reason === 'ActionFailed')?.message;
}

function nameOf({ metadata }: ApiObject): string {
  return metadata.name;
}

function readyOf({ status }: { status: { conditions: { type: string; status: string }[] } }): string | undefined {
  return status.conditions.find(({ type }) => type === 'Ready')?.status;
}

/** The subscriber's address: the peer's where we are the LNS, else ours. */
function ownAddress({ type, ppp }: SessionObject['status']): string | undefined {
  return type?.startsWith('lns') ? ppp?.remoteAddress : ppp?.localAddress;
}

/** How many servers answer, of how many. */
function aliveOf({ servers }: RadiusStatus): string {
  return `${servers.filter(({ alive }) => alive).length}/${servers.length}`;
}

function formatCounts(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([reason, count]) => `${reason}=${count}`)
    .join(',');
}
