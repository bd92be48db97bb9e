/** Declared Sessions -> the calls that we place or wait for. */
import { type DeviceSpec, isPlaced, type SessionSpec } from '../engine/spec.ts';
import { type Context, joined, layerOf } from './context.ts';
import { forwardOf } from './forward.ts';
import { giver } from './layers.ts';
import { checkPpp } from './ppp-checks.ts';
import { proxyOf } from './proxy.ts';
import type { SessionChain, TunnelChain } from './resolve.ts';
import type { Resource } from './resources.ts';
import { type Claim, claimOnce } from './settle.ts';
import { pppOf, pppRole, sessionParametersOf } from './specs.ts';

export function sessionOf(
  context: Context,
  session: Resource<'Session'>,
  tunnels: ReadonlyMap<string, TunnelChain>,
): SessionSpec {
  const { declarations, secretOf, fields } = context;
  const { tunnel: tunnelName } = session.document.spec;
  const declared = tunnels.get(tunnelName);
  if (!declared) declarations.reportAt(session, 'tunnel', declarations.missing(`Tunnel/${tunnelName}`));
  const tunnel = declared ?? declarations.acceptedTunnel(undefined);
  const chain = declarations.session(session, tunnel);
  const { values } = chain;
  const role = pppRole(values.type);
  const ppp = declarations.ppp(chain, tunnel, session.id);
  checkPpp(context, ppp, role, session.id);
  if (values.type === 'lnsOutgoing') checkOutgoing(context, session, chain);
  const isPlacedByUs = isPlaced(values.type);
  if (session.document.spec.forward && isPlacedByUs) {
    const message = `only calls that come in can go on: those of type ${values.type} begin here`;
    declarations.reportAt(session, 'forward', message);
  }
  fields.set(session.id, () => ({ ...chain.fields, ...joined({ ppp: ppp.fields }) }));
  const password = secretOf([layerOf(session)], 'password', session.id);
  return {
    name: session.name,
    tunnel: tunnelName,
    // A call that we place ends in what we declare: only others go on.
    parameters: sessionParametersOf(values, isPlacedByUs ? undefined : forwardOf(context, chain, ppp, session.id)),
    ppp: pppOf(ppp, role, tunnel.values, { userName: values.userName, password }),
    proxy: proxyOf(context, session, values.type),
    interfaceName: values.interfaceName,
    callingNumber: values.callingNumber,
    calledNumber: values.calledNumber,
    subAddress: values.subAddress,
  };
}

function checkOutgoing({ declarations }: Context, session: Resource<'Session'>, chain: SessionChain): void {
  const { calledNumber, minimumBps, maximumBps } = chain.values;
  if (calledNumber === undefined) {
    const message = 'is missing: a call of type lnsOutgoing needs the number that the LAC is to call';
    declarations.reportAt(session, 'calledNumber', message);
  }
  if (maximumBps !== 0 && minimumBps > maximumBps) {
    const message = `no line has at least ${minimumBps} and at most ${maximumBps} bit/s`;
    declarations.report(message, giver(chain.layers, 'minimumBps'), 'minimumBps', session.id);
  }
}

export function claimInterfaces(devices: ReadonlyMap<string, DeviceSpec>): Claim<SessionSpec> {
  const path = 'interfaceName';
  const claimName = claimOnce<SessionSpec>(
    ({ interfaceName }) => (interfaceName === undefined ? [] : [interfaceName]),
    (holder) => ({ message: `Session/${holder} has the same interfaceName`, path }),
  );
  return (spec) => {
    if (spec.interfaceName === undefined || !devices.has(spec.interfaceName)) return claimName(spec);
    return { message: "is the interface that accepted calls share (the TunnelProfile's interfaceName)", path };
  };
}
