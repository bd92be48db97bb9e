/** PppoeServers -> access concentrators, whose calls go on in tunnels. */
import type { PppoeServerSpec } from '../engine/spec.ts';
import { type Context, joined } from './context.ts';
import { forwardOf, leadsOn } from './forward.ts';
import { builtIn } from './generated.ts';
import { giver } from './layers.ts';
import { checkPpp } from './ppp-checks.ts';
import type { SessionChain } from './resolve.ts';
import type { Resource } from './resources.ts';
import { claimOnce, settle } from './settle.ts';
import { pppOf, sessionParametersOf } from './specs.ts';

/** What Ethernet leaves of 1500 octets behind PPPoE's and PPP's headers (RFC 2516 7). */
const pppoeMtu = 1492;

export function pppoeServersOf(context: Context, before: readonly PppoeServerSpec[]): PppoeServerSpec[] {
  const claim = claimOnce<PppoeServerSpec>(
    (server) => [server.interface],
    (holder) => ({ message: `PppoeServer/${holder} serves this interface`, path: 'interface' }),
  );
  return settle(context.declarations, 'PppoeServer', before, (server) => serverOf(context, server), claim);
}

function serverOf(context: Context, server: Resource<'PppoeServer'>): PppoeServerSpec {
  const { declarations, fields } = context;
  const { id, name, document } = server;
  const { namers, name: ourName } = declarations.pppoeServer(server);
  const errors = declarations.errors.length;
  const session = declarations.acceptedSession(namers, id);
  const isKnown = declarations.errors.length === errors;
  const ppp = declarations.ppp(session, namers, id);
  checkPpp(context, ppp, 'server', id);
  const forward = forwardOf(context, session, ppp, id);
  if (isKnown && (!forward || !leadsOn(forward))) reportNowhere(context, server, session);
  const { interface: device, acName = ourName.values.hostName, serviceNames, maxSessions } = document.spec;
  fields.set(id, () => ({
    acName: document.spec.acName === undefined ? ourName.fields.hostName : { value: acName, from: id },
    ...joined({ session: session.fields, ppp: ppp.fields }),
  }));
  return {
    name,
    interface: device,
    acName,
    serviceNames: serviceNames ?? builtIn.PppoeServer.serviceNames,
    maxSessions: maxSessions ?? builtIn.PppoeServer.maxSessions,
    session: sessionParametersOf(session.values, forward),
    ppp: pppOf(ppp, 'server', { hostName: acName, mtu: pppoeMtu }, {}),
  };
}

function reportNowhere({ declarations }: Context, server: Resource<'PppoeServer'>, session: SessionChain): void {
  const layer = giver(session.layers, 'forward');
  const profile = server.document.spec.sessionProfile ?? 'default';
  const message = `there is nowhere for the calls of ${server.id} to go: give SessionProfile/${profile} a forward with tunnels`;
  if (layer) declarations.report(message, layer, 'forward', server.id);
  else declarations.reportAt(server, 'sessionProfile', message);
}
