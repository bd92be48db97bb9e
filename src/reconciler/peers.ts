/** PeerProfiles -> who may open tunnels to us, and what applies to them. */
import type { GatewaySpec, PeerSpec } from '../engine/spec.ts';
import { canonicalPrefix } from './addresses.ts';
import { type Context, joined } from './context.ts';
import { checkEthernet, ethernetOf } from './ethernet.ts';
import { forwardOf } from './forward.ts';
import { builtIn } from './generated.ts';
import { giver } from './layers.ts';
import { checkPpp } from './ppp-checks.ts';
import { attachmentOf } from './pseudowires.ts';
import type { SessionChain, TunnelChain } from './resolve.ts';
import type { Resource, Snapshot } from './resources.ts';
import { checkSequencing } from './sessions.ts';
import { type Claim, claimOnce, settle } from './settle.ts';
import { pppOf, sessionParametersOf } from './specs.ts';
import { tunnelParameters } from './tunnels.ts';

export function peersOf(
  context: Context,
  { listen, acceptTunnels }: Pick<GatewaySpec, 'listen' | 'acceptTunnels'>,
  snapshot: Snapshot,
  before: readonly PeerSpec[],
): PeerSpec[] {
  const { declarations } = context;
  const peers = settle(
    declarations,
    'PeerProfile',
    before,
    (peer) => peerOf(context, declarations.acceptedTunnel(peer), peer),
    claimPeers(),
  );
  const none = declarations.all('PeerProfile').length === 0;
  // A document that cannot be read may have been the PeerProfile that keeps strangers out.
  const hidden = snapshot.errors.some(({ resource }) => resource === undefined || resource.startsWith('PeerProfile/'));
  const opened = before.length === 1 && before[0].name === 'default' && isOpen(before[0]);
  const accepts = acceptTunnels || opened;
  if (none && listen.length > 0 && accepts && (!hidden || opened)) {
    const errors = declarations.errors.length;
    const spec = peerOf(context, declarations.acceptedTunnel(undefined), undefined);
    if (declarations.errors.length === errors) return [spec];
    return opened ? [...before] : [];
  }
  return peers;
}

/** Why nobody gets in although tunnels are accepted, if so: only a PeerProfile that names its peer may ask for more than none. */
export function refusesEveryone({ listen, acceptTunnels, peers }: GatewaySpec): string | undefined {
  if (listen.length === 0 || !acceptTunnels || peers.length === 0) return undefined;
  if (peers.some((peer) => peer.tunnel.authMode === 'none' || !isOpen(peer))) return undefined;
  const { authMode } = peers[0].tunnel;
  return `refuses every tunnel: authMode is ${authMode}, and no PeerProfile names a peer by match.hostName or match.addresses`;
}

function isOpen({ match }: PeerSpec): boolean {
  return match.hostName === undefined && match.addresses.length === 0;
}

/** A PeerProfile; the built-in one named `default` when none is declared. */
function peerOf(context: Context, chain: TunnelChain, peer: Resource<'PeerProfile'> | undefined): PeerSpec {
  const { declarations, fields } = context;
  const id = peer?.id ?? 'PeerProfile/default';
  const session = declarations.acceptedSession(chain, id);
  const ppp = declarations.ppp(session, chain, id);
  const ethernet = declarations.ethernet(session, chain, id);
  const { match = {}, role = builtIn.PeerProfile.role, quirks = [] } = peer?.document.spec ?? {};
  const tunnel = tunnelParameters(context, chain, id);
  const { pseudowire } = session.values;
  checkSequencing(context, session, id);
  switch (attachmentOf(pseudowire)) {
    case 'ppp':
      checkPpp(context, ppp, 'server', id);
      break;
    case 'ethernet':
      checkEthernet(context, ethernet, pseudowire, id);
      break;
    case 'circuit':
      reportCircuit(context, session, id);
  }
  const forward = forwardOf(context, session, ppp, id);
  if (peer) {
    const parts = { tunnel: chain.fields, session: session.fields, ppp: ppp.fields, ethernet: ethernet.fields };
    fields.set(id, () => joined(parts));
  }
  return {
    name: peer?.name ?? 'default',
    match: { hostName: match.hostName, addresses: [...(match.addresses ?? [])] },
    role,
    quirks,
    tunnel,
    session: sessionParametersOf(session.values, forward),
    ppp: pppOf(ppp, 'server', tunnel, {}),
    clientPpp: pppOf(ppp, 'client', tunnel, {}),
    ethernet: ethernetOf(ethernet),
  };
}

/** Every circuit has a socket of its own, which only a Session can name. */
function reportCircuit({ declarations }: Context, { values, layers }: SessionChain, id: string): void {
  const { pseudowire } = values;
  const message = `${id} cannot take ${pseudowire} pseudowires as peers bring them, because each has a circuit of its own: declare a Tunnel and a Session of type lnsIncoming for each, and give ${id} a SessionProfile with ppp, ethernet or vlan`;
  declarations.report(message, giver(layers, 'pseudowire'), 'pseudowire', id);
}

const claimPeers = (): Claim<PeerSpec> =>
  claimOnce(matchKeys, (holder, { name }) => ({
    message: `PeerProfile/${holder} and PeerProfile/${name} fit the same peers; make one of them narrower`,
    path: 'match',
  }));

function matchKeys({ match }: PeerSpec): string[] {
  const host = match.hostName?.toLowerCase() ?? '';
  const prefixes = match.addresses.length === 0 ? [''] : match.addresses.map(canonicalPrefix);
  return prefixes.map((prefix) => `${host} ${prefix}`);
}
