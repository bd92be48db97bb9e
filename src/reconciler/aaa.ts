/** AddressPools, Subscribers and the Gateway's radius -> what the AAA part is told. */
import type { AaaSpec } from '../engine/spec.ts';
import { poolsOf } from './address-pools.ts';
import { radiusOf } from './radius.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import type { SecretLookup } from './secrets.ts';
import { subscribersOf } from './subscribers.ts';

export function aaaOf(
  declarations: Declarations,
  secretOf: SecretLookup,
  gateway: Resource<'Gateway'> | undefined,
  before: AaaSpec | undefined,
): AaaSpec {
  return {
    pools: poolsOf(declarations, before?.pools ?? []),
    subscribers: subscribersOf(declarations, secretOf, gateway, before?.subscribers ?? []),
    radius: radiusOf(declarations, secretOf, gateway, before?.radius),
  };
}
