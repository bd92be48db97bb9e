/** PPP frames into links of both roles, with every authentication protocol: LCP, PAP, CHAP, IPCP, IPV6CP. */
import { isDeepStrictEqual } from 'node:util';
import { PppLink } from '../../src/engine/ppp/link.ts';
import type { PppAuthMethod, PppSpec } from '../../src/engine/ppp/spec.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { checkAgainst, Pair, seededRandom } from '../engine/ppp/pair.ts';
import { METHODS } from '../engine/ppp/policies.ts';
import { ADDRESSES, clientSpec, serverSpec } from '../engine/ppp/specs.ts';
import { feed } from './feed-link.ts';
import { demand, type FuzzTarget, fuzzed } from './fuzz.ts';

const password = 'quince-71';
const seed = 3;

function target(method: PppAuthMethod, role: 'client' | 'server'): FuzzTarget {
  const common = { authMethods: [method], ipv6: { enabled: true, dns: [] }, echoIntervalMs: 10_000 };
  const specs: Record<'client' | 'server', PppSpec> = {
    client: clientSpec({ ...common, password: new Secret(password) }),
    server: serverSpec(common),
  };
  const judge = () => checkAgainst(password);
  const pair = new Pair(specs.client, specs.server, { seed, judge }).open().run(20_000);
  const { sent } = role === 'client' ? pair.server : pair.client;
  demand(pair.client.hasIpv4 && pair.server.hasIpv6, 'the seed opens the link');
  return {
    name: `a ${role} that speaks ${method}`,
    runs: 600,
    // The whole conversation, and each frame alone; an empty packet lets time pass.
    seeds: [sent.slice(0, 16), [...sent.slice(0, 12), new Uint8Array(0)], ...sent.map((frame) => [frame])],
    run: (input) => {
      const link = () => new PppLink(specs[role], random(role), role === 'server' ? ADDRESSES.server : 0);
      const told = feed(link(), input, password, 0xee);
      demand(
        isDeepStrictEqual(told, feed(link(), input, password, 0x11)),
        'what stands around a frame does not matter',
      );
    },
  };
}

/** As the pair has it, so that its frames are those that this link expects. */
function random(role: 'client' | 'server'): ReturnType<typeof seededRandom> {
  return seededRandom(seed + (role === 'client' ? 1_000 : 2_000));
}

for (const method of METHODS) {
  fuzzed(target(method, 'server'));
  fuzzed(target(method, 'client'));
}
