/** PPP frames into links of both roles, with every authentication protocol: LCP, PAP, CHAP, IPCP, IPV6CP. */
import { isDeepStrictEqual } from 'node:util';
import { PppLink } from '../../src/engine/ppp/link.ts';
import type { PppAuthMethod, PppSpec } from '../../src/engine/ppp/spec.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { checkAgainst, Pair, seededRandom } from '../engine/ppp/pair.ts';
import { ADDRESSES, clientSpec, serverSpec } from '../engine/ppp/specs.ts';
import { plain } from '../engine/wire/arbitrary.ts';
import { demand, type FuzzInput, type FuzzTarget, fuzzed } from './fuzz.ts';

const password = 'quince-71';
const seed = 3;
/** More than any one frame can be answered with: replies, and the requests of the layers that it brings up. */
const maxFramesPerFrame = 16;

function target(method: PppAuthMethod, role: 'client' | 'server'): FuzzTarget {
  const common = { authMethods: [method], ipv6: { enabled: true }, echoIntervalMs: 10_000 };
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
      const told = run(link(), input, 0xee);
      demand(isDeepStrictEqual(told, run(link(), input, 0x11)), 'what stands around a frame does not matter');
    },
  };
}

/** As the pair has it, so that its frames are those that this link expects. */
function random(role: 'client' | 'server'): ReturnType<typeof seededRandom> {
  return seededRandom(seed + (role === 'client' ? 1_000 : 2_000));
}

/** What the link wants done, as plain data; each frame comes in a larger buffer full of `around`. */
function run(link: PppLink, input: FuzzInput, around: number): unknown[] {
  const told: unknown[] = [];
  let now = 0;
  let over = false;
  const perform = (effects: ReturnType<PppLink['handle']>): void => {
    demand(effects.filter(({ effect }) => effect === 'frame').length <= maxFramesPerFrame, 'an answer is short');
    for (const effect of effects) {
      told.push(plain(effect));
      demand(!over, `nothing comes after the end, not ${effect.effect}`);
      switch (effect.effect) {
        case 'frame':
          demand(effect.frame.length >= 4 && effect.frame.length <= 1_508, 'a frame fits');
          break;
        case 'authenticate':
          perform(link.handle({ event: 'authenticated', answer: checkAgainst(password) }, now));
          break;
        case 'allocate':
          perform(link.handle({ event: 'allocated', answer: { ipv4: effect.ipv4 ?? ADDRESSES.client } }, now));
          break;
        case 'notice':
          demand(!effect.message.includes(password), 'the password stays inside');
          break;
        case 'down':
          demand(!effect.reason.includes(password), 'the password stays inside');
          over = true;
          break;
      }
    }
  };
  perform(link.handle({ event: 'open' }, now));
  for (const frame of input) {
    now += 5;
    if (frame.length === 0) {
      now = Math.max(now, link.deadline() ?? now);
      perform(link.handle({ event: 'tick' }, now));
      continue;
    }
    const bytes = new Uint8Array(frame.length + 8).fill(around);
    bytes.set(frame, 5);
    const effects = link.handle({ event: 'frame', bytes, start: 5, end: 5 + frame.length }, now);
    bytes.fill(0x55);
    perform(effects);
  }
  demand(!JSON.stringify(plain(link.view())).includes(password), 'the password stays inside');
  return told;
}

for (const method of ['pap', 'chap', 'mschapv2'] as const) {
  fuzzed(target(method, 'server'));
  fuzzed(target(method, 'client'));
}
