import { stringify } from 'yaml';
import {
  type ApiObject,
  type EventList,
  type GatewayObject,
  type ObjectList,
  ORIGIN,
  type PoolObject,
  type PppoeServerObject,
  type PppoeSession,
  type RadiusStatus,
  type SessionObject,
  type TunnelObject,
} from '../api/types.ts';
import type { ApiClient } from './client.ts';
import { formatCircuit, formatLastError } from './columns.ts';
import { CliError } from './errors.ts';
import { formatAge, formatEndpoint, formatOctets, formatRate, printable } from './format.ts';
import { kindOf } from './kinds.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** How many of a tunnel's sessions and of an object's events are shown. */
const MAX_SESSIONS_SHOWN = 20;
const EVENTS_SHOWN = 20;

type Described = TunnelObject | SessionObject | PppoeServerObject | GatewayObject | PoolObject;

/** A label and what stands behind it; what is undefined is left out. */
type Fact = [label: string, value: string | number | undefined];

/** `describe KIND NAME`: everything about one object, for reading. There is one gateway, which needs no name. */
export async function describe(
  client: ApiClient,
  terminal: Terminal,
  word: string,
  name: string | undefined,
): Promise<number> {
  const kind = kindOf(word, ['Tunnel', 'Session', 'PppoeServer', 'AddressPool', 'Gateway']);
  if (kind === 'Gateway') {
    terminal.out(await describeGateway(client, name, terminal.now()));
    return 0;
  }
  if (name === undefined) throw new CliError(`describe ${word} NAME: which one?`);
  terminal.out(await describers[kind](client, name, terminal.now()));
  return 0;
}

const describers = {
  Tunnel: describeTunnel,
  Session: describeSession,
  PppoeServer: describePppoeServer,
  AddressPool: describePool,
};

async function describeTunnel(client: ApiClient, name: string, nowMs: number): Promise<string> {
  const tunnel = await client.get<TunnelObject>(`/v1/tunnels/${encodeURIComponent(name)}`);
  const { status, metadata } = tunnel;
  const { peer, local, counters } = status;
  const query = `tunnel=${encodeURIComponent(metadata.name)}`;
  const { items: sessions } = await client.get<ObjectList<SessionObject>>(`/v1/sessions?${query}`);
  return [
    facts([
      ['Name', metadata.name],
      ['Kind', kindLine(tunnel)],
      ['State', stateLine(tunnel, nowMs)],
      ['Local', endpointLine(local, status.localId)],
      ['Peer', endpointLine(peer, status.remoteId)],
      ['Peer host name', peer?.hostName],
      ['Peer vendor', peer?.vendorName],
      ['Peer profile', status.peerProfile],
      ['Quirks', status.quirks?.join(', ')],
      ['Protocol', status.version && `L2TPv${status.version} over ${status.encapsulation}`],
      ['Data plane', status.dataPlane],
      ['Sessions', status.sessions && `${status.sessions.established} established of ${status.sessions.total}`],
      ...failureFacts(tunnel, nowMs),
    ]),
    specSection(tunnel),
    conditionsSection(tunnel, nowMs),
    section(
      'Control messages',
      counters &&
        facts(
          Object.entries(counters).map(([key, n]) => [labelOf(key), n]),
          '  ',
        ),
    ),
    section('Calls', sessionsTable(sessions)),
    await eventsSection(client, tunnel, nowMs),
  ].join('');
}

async function describeSession(client: ApiClient, name: string, nowMs: number): Promise<string> {
  const session = await client.get<SessionObject>(`/v1/sessions/${encodeURIComponent(name)}`);
  const { status, metadata } = session;
  const { ppp, call = [], circuit, counters } = status;
  return [
    facts([
      ['Name', metadata.name],
      ['Kind', kindLine(session)],
      ['Tunnel', status.tunnel],
      ['State', stateLine(session, nowMs)],
      ['Type', status.type],
      ['Pseudowire', status.pseudowire],
      ['Remote end id', status.remoteEndId],
      ['Local id', status.localId],
      ['Remote id', status.remoteId],
      ['Calling number', status.callingNumber],
      ['Called number', status.calledNumber],
      ['Call serial number', status.callSerialNumber],
      ['Interface', status.interface],
      ['Circuit', circuit && formatCircuit(circuit.local)],
      ["Peer's circuit", circuit && formatCircuit(circuit.peer)],
      ['Switched with', status.switchedWith],
      ...failureFacts(session, nowMs),
    ]),
    section(
      'Call',
      facts(
        call.map(({ label, text }) => [label, text]),
        '  ',
      ),
    ),
    section(
      'PPP',
      ppp &&
        facts(
          [
            ['Phase', ppp.phase],
            ['User', ppp.user],
            ['Authentication', ppp.auth],
            ['Local address', ppp.localAddress],
            ['Remote address', ppp.remoteAddress],
            ['DNS', ppp.dns?.join(', ') || undefined],
            ['Local interface id', ppp.ipv6?.localInterfaceId],
            ['Remote interface id', ppp.ipv6?.remoteInterfaceId],
            ['IPv6 prefix', ppp.ipv6?.prefix],
            ['Delegated prefix', ppp.ipv6?.delegated],
            ['MRU', ppp.mru],
            ['Taken over from the LAC', ppp.proxy && (ppp.proxy === 'lcp' ? 'LCP' : 'LCP and authentication')],
            ['Ends when idle for', ppp.limits?.idleTimeout],
            ['Ends after', ppp.limits?.sessionTimeout],
            ['Rate', ppp.limits?.rateLimit && rateLine(ppp.limits.rateLimit)],
            ['Filter', ppp.limits?.filter],
            ['Failure', ppp.failure],
          ],
          '  ',
        ),
    ),
    specSection(session),
    conditionsSection(session, nowMs),
    section(
      'Data messages',
      counters &&
        facts(
          [
            ['Received', `${counters.rxPackets} packets, ${formatOctets(counters.rxOctets)}`],
            ['Received, dropped', counters.rxDropped],
            ['Received out of order', counters.rxOutOfOrder],
            ['Put back in order', counters.rxReordered],
            ['Lost on the way', counters.rxLost],
            ['Sent', `${counters.txPackets} packets, ${formatOctets(counters.txOctets)}`],
            ['Sent, dropped', counters.txDropped],
          ],
          '  ',
        ),
    ),
    await eventsSection(client, session, nowMs),
  ].join('');
}

async function describePppoeServer(client: ApiClient, name: string, nowMs: number): Promise<string> {
  const server = await client.get<PppoeServerObject>(`/v1/pppoeservers/${encodeURIComponent(name)}`);
  const { status, metadata } = server;
  const query = `server=${encodeURIComponent(metadata.name)}`;
  const { items } = await client.get<ObjectList<PppoeSession>>(`/v1/pppoesessions?${query}`);
  return [
    facts([
      ['Name', metadata.name],
      ['Kind', kindLine(server)],
      ['Interface', status.interface],
      ['AC name', status.acName],
      ['Sessions', status.sessions],
    ]),
    specSection(server),
    conditionsSection(server, nowMs),
    section('Clients', clientsTable(items, nowMs)),
    await eventsSection(client, server, nowMs),
  ].join('');
}

async function describePool(client: ApiClient, name: string, nowMs: number): Promise<string> {
  const pool = await client.get<PoolObject>(`/v1/pools/${encodeURIComponent(name)}`);
  const { status, metadata } = pool;
  return [
    facts([
      ['Name', metadata.name],
      ['Kind', kindLine(pool)],
      ['IPv4 addresses', shareLine(status)],
      ['IPv6 prefixes', shareLine(status.prefixes)],
      ['Requests refused', status.refused],
      ['Used by', status.usedBy],
    ]),
    specSection(pool),
    conditionsSection(pool, nowMs),
    await eventsSection(client, pool, nowMs),
  ].join('');
}

async function describeGateway(client: ApiClient, name: string | undefined, nowMs: number): Promise<string> {
  const gateway = await client.get<GatewayObject>('/v1/gateway');
  const { status, metadata } = gateway;
  if (name !== undefined && name !== metadata.name) {
    throw new CliError(`gateway ${name} does not exist; there is: ${metadata.name}`);
  }
  return [
    facts([
      ['Name', metadata.name],
      ['Kind', gateway.spec ? kindLine(gateway) : 'Gateway, not declared'],
      ['Tunnels', `${status.tunnels.dialled} dialled, ${status.tunnels.accepted} accepted`],
      ['Sessions', `${status.sessions.dialled} dialled, ${status.sessions.accepted} accepted`],
      ['Accounting records on disk', status.radius?.spooled],
    ]),
    section('RADIUS servers', status.radius && serversTable(status.radius)),
    section('Dropped data messages', countsSection(status.dropped)),
    section('Control messages not taken', countsSection(status.ignored)),
    specSection(gateway),
    conditionsSection(gateway, nowMs),
    await eventsSection(client, gateway, nowMs),
  ].join('');
}

function serversTable({ servers }: RadiusStatus): string | undefined {
  const titles = ['ADDRESS', 'ALIVE', 'REQUESTS', 'ACCEPTS', 'REJECTS', 'TIMEOUTS', 'DROPS', 'LAST-ERROR'];
  const rows = servers.map(({ address, alive, requests, accepts, rejects, timeouts, drops, lastError = '-' }) => {
    return [address, alive ? 'yes' : 'no', ...[requests, accepts, rejects, timeouts, drops].map(String), lastError];
  });
  return table(titles, rows);
}

function countsSection(counts: Record<string, number> = {}): string | undefined {
  const all = Object.entries(counts);
  return all.length === 0 ? undefined : facts(all, '  ');
}

function shareLine({ used, total }: { used: number; total: number }): string | undefined {
  return total === 0 ? undefined : `${used} of ${total} given out`;
}

function rateLine({ tx, rx }: { tx: number; rx: number }): string {
  const text = (bps: number) => (bps === 0 ? 'no limit' : `${formatRate(bps)}bit/s`);
  return `${text(tx)} to the subscriber, ${text(rx)} from it`;
}

function kindLine({ kind, metadata, spec, status }: Described): string {
  const direction = 'direction' in status ? status.direction : undefined;
  if (!spec && direction === 'accepted') return `${kind}, opened by the peer`;
  if (!spec && direction === 'dialled') return `${kind}, placed for a switched call`;
  if (!spec) return `${kind}, not in force: its document is wrong`;
  const origin = metadata.annotations?.[ORIGIN];
  return `${kind}, declared${origin === undefined ? '' : ` in ${origin}`}, generation ${metadata.generation}`;
}

function stateLine({ status }: TunnelObject | SessionObject, nowMs: number): string {
  return status.since === undefined
    ? status.state
    : `${status.state} since ${status.since} (${formatAge(status.since, nowMs)})`;
}

function endpointLine(endpoint: { address: string; port: number } | undefined, id: number | undefined) {
  if (!endpoint) return undefined;
  return id === undefined ? formatEndpoint(endpoint) : `${formatEndpoint(endpoint)}, tunnel id ${id}`;
}

function failureFacts(
  { status: { lastError, retries, nextRetry } }: TunnelObject | SessionObject,
  nowMs: number,
): Fact[] {
  return [
    ['Last error', lastError && `${formatLastError(lastError)}, ${formatAge(lastError.time, nowMs)} ago`],
    ['Retries', retries || undefined],
    ['Next retry', nextRetry],
  ];
}

function specSection({ spec }: ApiObject): string {
  return section('Spec', spec && indented(stringify(spec)));
}

function conditionsSection({ status: { conditions } }: Described, nowMs: number): string {
  const rows = conditions.map(({ type, status, reason, message, lastTransitionTime }) => {
    return [type, status, formatAge(lastTransitionTime, nowMs), reason, message];
  });
  return section('Conditions', table(['TYPE', 'STATUS', 'AGE', 'REASON', 'MESSAGE'], rows));
}

function sessionsTable(sessions: SessionObject[]): string | undefined {
  return firstOf(sessions, ['NAME', 'STATE', 'USER', 'REMOTE-ADDRESS'], ({ metadata, status: { state, ppp } }) => {
    return [metadata.name, state, ppp?.user ?? '-', ppp?.remoteAddress ?? '-'];
  });
}

function clientsTable(clients: PppoeSession[], nowMs: number): string | undefined {
  return firstOf(clients, ['ID', 'PEER', 'USER', 'SWITCHED-WITH', 'AGE'], (client) => {
    const { sessionId, peer, user = '-', switchedWith = '-', since } = client;
    return [String(sessionId), peer, user, switchedWith, formatAge(since, nowMs)];
  });
}

function firstOf<Item>(items: Item[], titles: string[], rowOf: (item: Item) => string[]): string | undefined {
  const rows = items.slice(0, MAX_SESSIONS_SHOWN).map(rowOf);
  const more = items.length - rows.length;
  const shown = table(titles, rows);
  return more > 0 ? `${shown}  and ${more} more\n` : shown;
}

async function eventsSection(client: ApiClient, { kind, metadata }: ApiObject, nowMs: number): Promise<string> {
  const query = `kind=${kind}&name=${encodeURIComponent(metadata.name)}&last=${EVENTS_SHOWN}`;
  const { events } = await client.get<EventList>(`/v1/events?${query}`);
  const rows = events.map(({ time, reason, message }) => [formatAge(time, nowMs), reason, message]);
  return section('Events', table(['AGE', 'REASON', 'MESSAGE'], rows) ?? '  none remembered\n');
}

function section(title: string, text: string | undefined): string {
  return text ? `${title}:\n${text}` : '';
}

function table(titles: string[], rows: string[][]): string | undefined {
  return rows.length === 0 ? undefined : formatTable([titles, ...rows], '  ');
}

function facts(all: Fact[], indent = ''): string {
  const known = all.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...known.map(([label]) => label.length)) + 1;
  return known.map(([label, value]) => `${indent}${`${label}:`.padEnd(width)}  ${printable(String(value))}\n`).join('');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** `outOfOrder` as `Out of order`. */
function labelOf(key: string): string {
  const words = key.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
  return words[0].toUpperCase() + words.slice(1);
}
