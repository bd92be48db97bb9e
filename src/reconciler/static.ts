/** What static tunnels and sessions cannot have: no control message tells the peer anything. */
import { Secret, type StaticSession } from '../engine/spec.ts';
import type { Context, Fields } from './context.ts';
import type { SessionFields, TunnelFields } from './generated.ts';
import { giver } from './layers.ts';
import { octetsOf } from './octets.ts';
import type { SessionChain, TunnelChain } from './resolve.ts';
import type { Resource } from './resources.ts';

const controlFields: readonly (keyof TunnelFields)[] = [
  'persist',
  'hostName',
  'secretRef',
  'secretFile',
  'secondSecretRef',
  'secondSecretFile',
  'authMode',
  'digest',
  'hideAvps',
  'useTieBreaker',
  'framingCapabilities',
  'bearerCapabilities',
  'helloInterval',
  'maxRetries',
  'retryTimeout',
  'receiveWindow',
  'transmitWindow',
  'idleTimeout',
  'controlDscp',
];

export function checkStaticTunnel({ declarations }: Context, tunnel: Resource<'Tunnel'>, chain: TunnelChain): void {
  const { version, encapsulation, localPort } = chain.values;
  if (version !== 'v3') {
    const { from } = chain.fields.version;
    const whose = from === tunnel.id ? 'version is' : `${from} gives version`;
    declarations.reportAt(tunnel, 'static', `needs version v3, and ${whose} ${version}: say version: v3 here`);
  }
  if (encapsulation === 'udp' && localPort === 0) {
    const message = 'is missing: nobody tells the peer of a static tunnel to which port it sends';
    declarations.reportAt(tunnel, 'localPort', message);
  }
  for (const field of controlFields) {
    if (tunnel.document.spec[field] === undefined) continue;
    declarations.reportAt(
      tunnel,
      field,
      'means nothing in a static tunnel, which has no control connection: take it out',
    );
  }
}

const toldFields: readonly (keyof SessionFields)[] = [
  'remoteEndId',
  'cookieLength',
  'sequencingRequired',
  'callingNumber',
  'calledNumber',
  'subAddress',
  'privateGroupId',
  'framingType',
  'bearerType',
  'connectSpeed',
  'minimumBps',
  'maximumBps',
  'proxyAuth',
  'proxyLcp',
];

/**
 * What a static Session says, and whether its Tunnel can carry it: a static one, or one of L2TPv3 whose control
 * connection keeps an eye on the peer and is told nothing of the session.
 */
export function checkStaticSession(
  { declarations }: Context,
  session: Resource<'Session'>,
  chain: SessionChain,
  tunnel: TunnelChain,
): void {
  const { spec } = session.document;
  const isStatic = spec.static !== undefined;
  const id = `Tunnel/${spec.tunnel}`;
  if (isStatic && tunnel.values.version !== 'v3') {
    declarations.reportAt(session, 'static', `needs L2TPv3: give ${id} version v3, or take this one out`);
  }
  if (!isStatic && tunnel.values.static) {
    declarations.reportAt(session, 'static', `is missing: ${id} is static, and so must its sessions be`);
  }
  if (!isStatic) return;
  for (const field of toldFields) {
    if (spec[field] === undefined) continue;
    declarations.reportAt(session, field, 'means nothing in a static session, whose peer is told nothing: take it out');
  }
  const { type } = chain.values;
  if (type === 'lacIncoming' || type === 'lnsIncoming') return;
  const message = `nobody asks for a static session, so that none is ${type}: give lacIncoming, or for PPP's server lnsIncoming`;
  declarations.report(message, giver(chain.layers, 'type'), 'type', session.id);
}

export function staticOf({ static: declared }: SessionFields): StaticSession | undefined {
  if (!declared) return undefined;
  const { localSessionId, remoteSessionId, localCookie, remoteCookie } = declared;
  return {
    localSessionId,
    remoteSessionId,
    localCookie: cookieOf(localCookie),
    remoteCookie: cookieOf(remoteCookie),
  };
}

function cookieOf(hex: string | undefined): Secret | undefined {
  const octets = octetsOf(hex);
  return octets && new Secret(octets);
}

/** A Session's spec as declared, for showing: without the values of cookies. */
export function specWithoutCookies(spec: SessionFields): SessionFields {
  const { static: declared } = spec;
  if (declared?.localCookie === undefined && declared?.remoteCookie === undefined) return spec;
  const shown = { ...declared };
  if (shown.localCookie !== undefined) shown.localCookie = '[secret]';
  if (shown.remoteCookie !== undefined) shown.remoteCookie = '[secret]';
  return { ...spec, static: shown };
}

/** Without the values of cookies. */
export function withoutCookies(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([path, field]) => [path, isCookie(path) ? { ...field, value: '[secret]' } : field]),
  );
}

function isCookie(path: string): boolean {
  return path === 'static.localCookie' || path === 'static.remoteCookie';
}
