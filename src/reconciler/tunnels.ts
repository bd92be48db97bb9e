/** Declared Tunnels -> those that we dial; and the parameters of any tunnel. */
import type { TunnelParameters, TunnelSpec } from '../engine/spec.ts';
import type { Context } from './context.ts';
import { giver } from './layers.ts';
import type { TunnelChain } from './resolve.ts';
import type { Resource } from './resources.ts';
import { type Claim, claimOnce } from './settle.ts';
import { tunnelParametersOf } from './specs.ts';
import { checkStaticTunnel } from './static.ts';

export function tunnelOf(context: Context, tunnel: Resource<'Tunnel'>, chain: TunnelChain): TunnelSpec {
  const { values } = chain;
  if (values.remoteAddress === undefined) {
    const message = 'is missing: give it here or in the TunnelProfile';
    context.declarations.reportAt(tunnel, 'remoteAddress', message);
  }
  const isOverIp = values.encapsulation === 'ip';
  if (isOverIp) checkOverIp(context, tunnel, chain);
  if (values.static) checkStaticTunnel(context, tunnel, chain);
  context.fields.set(tunnel.id, () => chain.fields);
  return {
    name: tunnel.name,
    parameters: tunnelParameters(context, chain, tunnel.id),
    remoteAddress: values.remoteAddress ?? '',
    remotePort: isOverIp ? 0 : values.remotePort,
    localAddress: values.localAddress,
    localPort: isOverIp ? 0 : values.localPort,
    encapsulation: values.encapsulation,
    pmtuDiscovery: values.pmtuDiscovery,
    persist: values.persist,
    static: values.static,
  };
}

function checkOverIp({ declarations }: Context, tunnel: Resource<'Tunnel'>, { values, layers }: TunnelChain): void {
  const overIp = giver(layers, 'encapsulation');
  if (values.version !== 'v3') {
    const message = `ip needs version v3, and version is ${values.version}: only L2TPv3 runs directly over IP`;
    declarations.report(message, overIp, 'encapsulation', tunnel.id);
  }
  for (const field of ['remotePort', 'localPort'] as const) {
    const giving = giver(layers, field);
    // What a farther profile says of ports is for tunnels over UDP.
    if (!giving || !overIp || layers.indexOf(giving) > layers.indexOf(overIp)) continue;
    declarations.report('IP has no ports: take it out, or say encapsulation: udp', giving, field, tunnel.id);
  }
}

export function claimTunnels(): Claim<TunnelSpec> {
  return claimOnce<TunnelSpec>(
    ({ static: ids }) => (ids ? [String(ids.localTunnelId)] : []),
    (holder) => ({ message: `Tunnel/${holder} has the same localTunnelId`, path: 'static.localTunnelId' }),
  );
}

/** Tunnels that the AAA grants to calls. They may have a secret of their own, so that none is demanded here. */
export function grantedTunnelsOf({ declarations, forwards, secretOf }: Context): TunnelParameters {
  const isWanted = [...forwards.values()].some(({ rules }) => rules.some(({ aaa }) => aaa));
  const { values, layers } = declarations.grantedTunnel(isWanted);
  if (!isWanted) return tunnelParametersOf(values, {});
  const user = 'TunnelProfile/default';
  const secret = secretOf(layers, 'secret', user);
  return tunnelParametersOf(values, { secret, secondSecret: secretOf(layers, 'secondSecret', user) });
}

export function tunnelParameters(
  { declarations, secretOf }: Context,
  chain: TunnelChain,
  user: string,
): TunnelParameters {
  // Nobody is asked for a secret without a control connection.
  if (chain.values.static) return tunnelParametersOf({ ...chain.values, authMode: 'none', hideAvps: false }, {});
  const errors = declarations.errors.length;
  const secret = secretOf(chain.layers, 'secret', user);
  const secondSecret = secretOf(chain.layers, 'secondSecret', user);
  if (!secret && declarations.errors.length === errors) {
    const needs = 'needs a secret: give secretRef or secretFile';
    if (chain.values.hideAvps) declarations.report(needs, giver(chain.layers, 'hideAvps'), 'hideAvps', user);
    if (chain.values.authMode === 'challenge') {
      declarations.report(needs, giver(chain.layers, 'authMode'), 'authMode', user);
    }
    const second = (['secondSecretRef', 'secondSecretFile'] as const).find((field) => chain.values[field]);
    if (second)
      declarations.report(
        'stands beside the secret: give secretRef or secretFile too',
        giver(chain.layers, second),
        second,
        user,
      );
  }
  return tunnelParametersOf(chain.values, { secret, secondSecret });
}
