import type { PppSpec } from '../engine/spec.ts';
import type { Context } from './context.ts';
import { giver } from './layers.ts';
import type { PppChain } from './resolve.ts';

/** Reports what cannot work in PPP values, though each by itself is good. */
export function checkPpp({ declarations, pools }: Context, chain: PppChain, role: PppSpec['role'], user: string): void {
  const { auth, authenticatePeer, ipv4 } = chain.values;
  if (!auth.pap && !auth.chap && !auth.mschapv2 && (authenticatePeer ?? (role === 'server' && !auth.none))) {
    const message = 'peers must authenticate themselves, but every method is off: turn one on, or set none to true';
    declarations.report(message, giver(chain.layers, 'auth'), 'auth', user);
  }
  if (role !== 'server' || ipv4.pool === undefined) return;
  declarations.use(`AddressPool/${ipv4.pool}`, user);
  if (pools.has(ipv4.pool)) return;
  const exists = declarations.get('AddressPool', ipv4.pool) !== undefined;
  const id = `AddressPool/${ipv4.pool}`;
  const message = exists ? `${id} has an error` : declarations.missing(id);
  const from = chain.layers.find(({ from }) => from === chain.fields['ipv4.pool'].from);
  declarations.report(message, from, 'ipv4.pool', user);
}
