/** Declared Tunnels -> those that we dial; and the parameters of any tunnel. */
import type { TunnelParameters, TunnelSpec } from '../engine/spec.ts';
import type { Context } from './context.ts';
import { giver } from './layers.ts';
import type { TunnelChain } from './resolve.ts';
import type { Resource } from './resources.ts';
import { tunnelParametersOf } from './specs.ts';

export function tunnelOf(context: Context, tunnel: Resource<'Tunnel'>, chain: TunnelChain): TunnelSpec {
  const { values } = chain;
  if (values.remoteAddress === undefined) {
    const message = 'is missing: give it here or in the TunnelProfile';
    context.declarations.reportAt(tunnel, 'remoteAddress', message);
  }
  context.fields.set(tunnel.id, () => chain.fields);
  return {
    name: tunnel.name,
    parameters: tunnelParameters(context, chain, tunnel.id),
    remoteAddress: values.remoteAddress ?? '',
    remotePort: values.remotePort,
    localAddress: values.localAddress,
    localPort: values.localPort,
    persist: values.persist,
  };
}

/** Tunnels that the AAA grants to calls. They may have a secret of their own, so that none is demanded here. */
export function grantedTunnelsOf({ declarations, forwards, secretOf }: Context): TunnelParameters {
  const isWanted = [...forwards.values()].some(({ rules }) => rules.some(({ aaa }) => aaa));
  const { values, layers } = declarations.grantedTunnel(isWanted);
  return tunnelParametersOf(values, isWanted ? secretOf(layers, 'secret', 'TunnelProfile/default') : undefined);
}

export function tunnelParameters(
  { declarations, secretOf }: Context,
  chain: TunnelChain,
  user: string,
): TunnelParameters {
  const errors = declarations.errors.length;
  const secret = secretOf(chain.layers, 'secret', user);
  if (!secret && declarations.errors.length === errors) {
    const needs = 'needs a secret: give secretRef or secretFile';
    if (chain.values.hideAvps) declarations.report(needs, giver(chain.layers, 'hideAvps'), 'hideAvps', user);
    if (chain.values.authMode === 'challenge') {
      declarations.report(needs, giver(chain.layers, 'authMode'), 'authMode', user);
    }
  }
  return tunnelParametersOf(chain.values, secret);
}
