/** Declared Sessions -> the calls that we place or wait for, and those that are static. */
import { canonicalEndId, isPlaced, type SessionSpec } from '../engine/spec.ts';
import { circuitOf } from './circuits.ts';
import { type Context, type Fields, joined, layerOf } from './context.ts';
import { checkEthernet, ethernetOf } from './ethernet.ts';
import { forwardOf } from './forward.ts';
import type { SessionFields } from './generated.ts';
import { giver } from './layers.ts';
import { checkPpp } from './ppp-checks.ts';
import { proxyOf } from './proxy.ts';
import { attachmentOf, checkCarried } from './pseudowires.ts';
import { builtInPppChain, type SessionChain, type SessionValues, type TunnelChain } from './resolve.ts';
import type { Resource } from './resources.ts';
import { pppOf, pppRole, sessionParametersOf } from './specs.ts';
import { checkStaticSession, staticOf, withoutCookies } from './static.ts';

/** Of calls that carry something else. */
const noPpp = pppOf(builtInPppChain, 'client', { hostName: 'prol2tp', mtu: 1500 }, {});

export function sessionOf(
  context: Context,
  session: Resource<'Session'>,
  tunnels: ReadonlyMap<string, TunnelChain>,
): SessionSpec {
  const { declarations, fields } = context;
  const { spec } = session.document;
  const declared = tunnels.get(spec.tunnel);
  if (!declared) declarations.reportAt(session, 'tunnel', declarations.missing(`Tunnel/${spec.tunnel}`));
  const tunnel = declared ?? declarations.acceptedTunnel(undefined);
  const chain = declarations.session(session, tunnel);
  const { values } = chain;
  if (declared) {
    checkVersion(context, session, chain, declared);
    checkStaticSession(context, session, chain, declared);
  }
  checkCarried(context, session, values.pseudowire);
  checkSequencing(context, chain, session.id);
  if (values.type === 'lnsOutgoing' && !values.static) checkOutgoing(context, session, chain);
  if (spec.forward && isPlaced(values.type)) {
    const message = `only calls that come in can go on: those of type ${values.type} begin here`;
    declarations.reportAt(session, 'forward', message);
  }
  fields.set(session.id, () => shownOf(session.name, chain));
  const common = {
    name: session.name,
    tunnel: spec.tunnel,
    remoteEndId: endIdOf(session.name, values),
    static: staticOf(spec),
    callingNumber: values.callingNumber,
    calledNumber: values.calledNumber,
    subAddress: values.subAddress,
  };
  switch (attachmentOf(values.pseudowire)) {
    case 'ppp':
      return { ...common, ...pppCallOf(context, session, chain, tunnel) };
    case 'ethernet': {
      const ethernet = declarations.ethernet(chain, tunnel, session.id);
      checkEthernet(context, ethernet, values.pseudowire, session.id);
      fields.set(session.id, () => ({ ...shownOf(session.name, chain), ...joined({ ethernet: ethernet.fields }) }));
      return {
        ...common,
        parameters: sessionParametersOf(values, undefined),
        ppp: noPpp,
        ethernet: ethernetOf(ethernet, values.interfaceName),
        interfaceName: values.interfaceName,
      };
    }
    case 'circuit':
      return {
        ...common,
        parameters: sessionParametersOf(values, undefined),
        ppp: noPpp,
        circuit: circuitOf(context, chain, session.name),
      };
  }
}

function pppCallOf(context: Context, session: Resource<'Session'>, chain: SessionChain, tunnel: TunnelChain) {
  const { declarations, secretOf, fields } = context;
  const { values } = chain;
  const role = pppRole(values.type);
  const ppp = declarations.ppp(chain, tunnel, session.id);
  checkPpp(context, ppp, role, session.id);
  fields.set(session.id, () => ({ ...shownOf(session.name, chain), ...joined({ ppp: ppp.fields }) }));
  const password = secretOf([layerOf(session)], 'password', session.id);
  // A call that we place ends in what we declare: only others go on.
  const forward = isPlaced(values.type) ? undefined : forwardOf(context, chain, ppp, session.id);
  return {
    parameters: sessionParametersOf(values, forward),
    ppp: pppOf(ppp, role, tunnel.values, { userName: values.userName, password }),
    proxy: proxyOf(context, session, values.type),
    interfaceName: values.interfaceName,
  };
}

/** What `explain` shows of the call itself. */
function shownOf(name: string, { values, fields }: SessionChain): Fields {
  const endId = values.remoteEndId === undefined ? endIdOf(name, values) : undefined;
  const shown = withoutCookies(fields);
  return endId === undefined ? shown : { ...shown, remoteEndId: { value: endId, from: 'built-in' } };
}

/** A number is four octets. A pseudowire that is told to the peer has its Session's name; PPP needs none. */
function endIdOf(name: string, { remoteEndId: declared, pseudowire, static: ids }: SessionValues): string | undefined {
  if (declared === undefined) return pseudowire === 'ppp' || ids ? undefined : name;
  return canonicalEndId(typeof declared === 'number' ? `0x${declared.toString(16).padStart(8, '0')}` : declared);
}

const versionThreeFields: readonly (keyof SessionFields)[] = [
  'cookieLength',
  'l2SpecificSublayer',
  'dataSequencing',
  'remoteEndId',
];

/** What L2TPv2 does not have, in a tunnel that will never speak anything else. */
function checkVersion(
  { declarations }: Context,
  session: Resource<'Session'>,
  chain: SessionChain,
  tunnel: TunnelChain,
) {
  if (tunnel.values.version !== 'v2') return;
  const { pseudowire } = chain.values;
  const advice = `and Tunnel/${session.document.spec.tunnel} has version v2: give it version: v3 or auto`;
  if (pseudowire !== 'ppp') {
    const message = `${pseudowire} pseudowires need L2TPv3, ${advice}`;
    declarations.report(message, giver(chain.layers, 'pseudowire'), 'pseudowire', session.id);
  }
  for (const field of versionThreeFields) {
    if (session.document.spec[field] === undefined) continue;
    declarations.reportAt(session, field, `only L2TPv3 has it, ${advice}`);
  }
}

/** RFC 3931 5.4.4, Data Sequencing. */
export function checkSequencing({ declarations }: Context, { values, layers }: SessionChain, user: string): void {
  const { dataSequencing, l2SpecificSublayer } = values;
  if (dataSequencing === 'none' || l2SpecificSublayer !== 'none') return;
  const message = `${dataSequencing} needs l2SpecificSublayer: default, which holds the numbers`;
  declarations.report(message, giver(layers, 'dataSequencing'), 'dataSequencing', user);
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
