import type { PoolSpec, PppSpec } from '../engine/spec.ts';
import type { Context } from './context.ts';
import { giver, type Layer } from './layers.ts';
import { nearest } from './nearest.ts';
import type { PppChain } from './resolve.ts';

const builtInAaas: readonly string[] = ['local', 'radius'];

/** Whether a PppProfile's `aaa` means something else than a plugin. */
export function isBuiltInAaa(name: string): boolean {
  return builtInAaas.includes(name);
}

/** Reports what cannot work in PPP values, though each by itself is good. */
export function checkPpp(context: Context, chain: PppChain, role: PppSpec['role'], user: string): void {
  const { auth, authenticatePeer } = chain.values;
  const demandsAuth = authenticatePeer ?? (role === 'server' && !auth.none);
  checkMethods(context, chain, demandsAuth, user);
  if (role === 'server' || demandsAuth) checkAaa(context, chain, user);
  checkFilter(context, chain, user);
  if (role === 'server') checkPools(context, chain, user);
}

function checkMethods({ declarations }: Context, chain: PppChain, demandsAuth: boolean, user: string): void {
  const { pap, chap, mschapv1, mschapv2, eap } = chain.values.auth;
  if (demandsAuth && !(pap || chap || mschapv1 || mschapv2 || eap)) {
    const message = 'peers must authenticate themselves, but every method is off: turn one on, or set none to true';
    declarations.report(message, giver(chain.layers, 'auth'), 'auth', user);
  }
  if (chain.values.mppe === 'required' && !(mschapv1 || mschapv2 || eap)) {
    const message = 'the keys come from MS-CHAP or EAP: turn on auth.mschapv2, auth.eap or auth.mschapv1';
    declarations.report(message, giver(chain.layers, 'mppe'), 'mppe', user);
  }
}

function checkAaa({ declarations, plugins, hasRadius }: Context, chain: PppChain, user: string): void {
  const { aaa } = chain.values;
  if (aaa === 'local' || plugins.includes(aaa) || (aaa === 'radius' && hasRadius)) return;
  const known = ['local', 'radius', ...plugins];
  const meant = nearest(aaa, known);
  const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
  const message =
    aaa === 'radius'
      ? 'there are no RADIUS servers: give the Gateway radius.servers'
      : `the Gateway has no plugin ${aaa}; ${hint}`;
  declarations.report(message, giver(chain.layers, 'aaa'), 'aaa', user);
}

function checkFilter(context: Context, chain: PppChain, user: string): void {
  const { filter } = chain.values;
  if (filter === undefined || context.filters.includes(filter)) return;
  context.declarations.report(missingFilter(context.filters, filter), giver(chain.layers, 'filter'), 'filter', user);
}

export function missingFilter(filters: readonly string[], name: string): string {
  const meant = nearest(name, filters);
  const known = filters.length === 0 ? 'it has none' : `it has ${filters.join(', ')}`;
  return `the Gateway has no filter ${name}; ${meant === undefined ? known : `did you mean ${meant}?`}`;
}

function checkPools(context: Context, chain: PppChain, user: string): void {
  const { ipv4, ipv6 } = chain.values;
  checkPool(context, chain, 'ipv4.pool', ipv4.pool, user, ({ ranges }) =>
    ranges.length === 0 ? 'has no IPv4 addresses: give it ranges' : undefined,
  );
  checkPool(context, chain, 'ipv6.prefixPool', ipv6.prefixPool, user, ({ prefixes, delegationLength }) => {
    if (prefixes.length === 0) return 'has no IPv6 prefixes: give it ipv6.prefixes';
    return delegationLength === 64 ? undefined : `gives prefixes of /${delegationLength}, and a link's own is a /64`;
  });
  checkPool(context, chain, 'ipv6.delegationPool', ipv6.delegationPool, user, ({ prefixes }) =>
    prefixes.length === 0 ? 'has no IPv6 prefixes: give it ipv6.prefixes' : undefined,
  );
  const pool = (['ipv6.prefixPool', 'ipv6.delegationPool'] as const).find((path) => chain.fields[path]);
  if (pool && chain.fields['ipv6.enabled'].from === 'built-in') {
    const message = 'nobody gets a prefix, because IPv6 is off: set ipv6.enabled to true';
    context.declarations.report(message, layerOfField(chain, pool), pool, user);
  }
}

/** @param mistake what is wrong with a pool that there is; undefined: nothing */
function checkPool(
  { declarations, pools }: Context,
  chain: PppChain,
  path: string,
  name: string | undefined,
  user: string,
  mistake: (pool: PoolSpec) => string | undefined,
): void {
  if (name === undefined) return;
  const id = `AddressPool/${name}`;
  declarations.use(id, user);
  const pool = pools.get(name);
  const report = (message: string) => declarations.report(message, layerOfField(chain, path), path, user);
  const wrong = pool && mistake(pool);
  if (wrong !== undefined) report(`${id} ${wrong}`);
  if (pool) return;
  const exists = declarations.get('AddressPool', name) !== undefined;
  report(exists ? `${id} has an error` : declarations.missing(id));
}

function layerOfField({ layers, fields }: PppChain, path: string): Layer | undefined {
  return layers.find(({ from }) => from === fields[path].from);
}
