/** The ways of calls into other tunnels, and whether they lead anywhere. */
import type { ForwardRule, ForwardSpec } from '../engine/spec.ts';
import type { Context } from './context.ts';
import type { Forward } from './generated.ts';
import { giver } from './layers.ts';
import { nearest } from './nearest.ts';
import type { PppChain, SessionChain } from './resolve.ts';

type Rule = NonNullable<Forward['rules']>[number];

/**
 * Undefined: every call is terminated here.
 * @param ppp that of the calls, whose aaa may be asked
 */
export function forwardOf(context: Context, chain: SessionChain, ppp: PppChain, user: string): ForwardSpec | undefined {
  const { forward } = chain.values;
  if (!forward) return undefined;
  check(context, chain, ppp, forward, user);
  const spec = context.forwards.get(forward) ?? specOf(forward);
  context.forwards.set(forward, spec);
  return spec;
}

/** Whether any call goes on anywhere. */
export function leadsOn({ rules }: ForwardSpec): boolean {
  return rules.some(({ tunnels, plugin, aaa }) => tunnels.length > 0 || plugin !== undefined || aaa);
}

function specOf({ rules = [], tunnels = [], avps = {} }: Forward): ForwardSpec {
  return { rules: [...rules.map(ruleOf), ...(tunnels.length > 0 ? [{ aaa: false, tunnels }] : [])], avps };
}

function ruleOf({ realm, calledNumber, plugin, aaa = false, tunnels = [] }: Rule): ForwardRule {
  return { realm: realm?.toLowerCase(), calledNumber, plugin, aaa, tunnels };
}

function check(
  context: Context,
  chain: SessionChain,
  ppp: PppChain,
  { rules = [], tunnels = [] }: Forward,
  user: string,
): void {
  const { declarations } = context;
  const layer = giver(chain.layers, 'forward');
  const checkTunnels = (names: readonly string[], path: string) => {
    for (const [at, name] of names.entries()) {
      if (declarations.get('Tunnel', name)) continue;
      const known = declarations.all('Tunnel').map((tunnel) => tunnel.name);
      const meant = nearest(name, known);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      declarations.report(declarations.missing(`Tunnel/${name}`, hint), layer, `${path}.${at}`, user);
    }
  };
  for (const [at, { plugin, aaa, tunnels: names = [] }] of rules.entries()) {
    checkTunnels(names, `forward.rules.${at}.tunnels`);
    if (aaa && ppp.values.aaa === 'local') {
      const { from } = ppp.fields.aaa;
      const message = `Subscribers name no tunnels, and the aaa of these calls is local (${from}): give their PppProfile another`;
      declarations.report(message, layer, `forward.rules.${at}.aaa`, user);
    }
    if (plugin === undefined || context.plugins.includes(plugin)) continue;
    const known = context.plugins.length === 0 ? 'it has none' : `it has ${context.plugins.join(', ')}`;
    declarations.report(`the Gateway has no plugin ${plugin}; ${known}`, layer, `forward.rules.${at}.plugin`, user);
  }
  checkTunnels(tunnels, 'forward.tunnels');
}
