/** A client that a LAC meets first: its frames into the LAC's end, and what a LAC says of it into an LNS's link. */
import { isDeepStrictEqual } from 'node:util';
import { PppIngress } from '../../src/engine/ppp/ingress.ts';
import { PppLink } from '../../src/engine/ppp/link.ts';
import type { PppAuthMethod, PppSpec } from '../../src/engine/ppp/spec.ts';
import type { PppProxy } from '../../src/engine/spec.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { seededRandom } from '../engine/ppp/pair.ts';
import { ADDRESSES, clientSpec, serverSpec } from '../engine/ppp/specs.ts';
import { Switched } from '../engine/ppp/switched.ts';
import { feed } from './feed-link.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';

const password = 'quince-71';
const noPassword = 'medlar-19';
const seed = 1;
const ways: readonly (readonly PppAuthMethod[])[] = [['pap'], ['chap'], ['mschapv2', 'chap', 'pap'], []];

/** A proxy's facts as packets: what each AVP holds. */
const factPackets = 7;

function packetsOf(proxy: PppProxy): Uint8Array[] {
  const none = new Uint8Array(0);
  const text = (value = '') => new TextEncoder().encode(value);
  return [
    proxy.initialReceivedLcpConfReq ?? none,
    proxy.lastSentLcpConfReq ?? none,
    proxy.lastReceivedLcpConfReq ?? none,
    Uint8Array.of(proxy.proxyAuthenType ?? 0, proxy.proxyAuthenId ?? 0),
    text(proxy.proxyAuthenName),
    proxy.proxyAuthenChallenge ?? none,
    proxy.proxyAuthenResponse?.reveal() ?? none,
  ];
}

function proxyOf([initial, sent, received, kind, name, challenge, response]: FuzzInput): PppProxy {
  return {
    initialReceivedLcpConfReq: initial,
    lastSentLcpConfReq: sent,
    lastReceivedLcpConfReq: received,
    proxyAuthenType: kind?.at(0),
    proxyAuthenId: kind?.at(1),
    proxyAuthenName: name && new TextDecoder().decode(name),
    proxyAuthenChallenge: challenge,
    proxyAuthenResponse: response && new Secret(response),
  };
}

function lnsOf(authMethods: readonly PppAuthMethod[]): PppSpec {
  const demands = authMethods.length > 0 ? {} : { authenticatePeer: false };
  return serverSpec({
    authMethods: [...authMethods],
    ipv6: { enabled: true, dns: [] },
    echoIntervalMs: 10_000,
    ...demands,
  });
}

for (const authMethods of ways) {
  const lns = lnsOf(authMethods);
  const call = new Switched(clientSpec({ password: new Secret(password) }), lns, lns, { seed }).run(30_000);
  const { captured, client } = call;
  demand(captured !== undefined, 'the seed brings the client to the LNS');
  const facts = packetsOf(captured.proxy);
  const frames = client.sent.slice(0, 20);
  const named = authMethods.join(', ') || 'no authentication';

  fuzzed({
    name: `an LNS that is told of a client, with ${named}`,
    runs: 800,
    seeds: [
      [...facts, ...frames.slice(0, 9)],
      [...facts, ...frames.slice(-9)],
      [...facts, new Uint8Array(0)],
    ],
    run(input) {
      const facts = input.slice(0, factPackets);
      const frames = input.slice(factPackets);
      const proxy = proxyOf(facts);
      // Names are shown.
      if (proxy.proxyAuthenName?.includes(password)) return;
      const link = () => new PppLink(lns, seededRandom(seed + 3_000), ADDRESSES.server, proxy);
      const told = feed(link(), frames, password, 0xee);
      demand(isDeepStrictEqual(told, feed(link(), frames, password, 0x11)), 'what stands around does not matter');
      if (!lns.authenticatePeer) return;
      // Nobody here has ever heard of this one.
      const without = feed(link(), frames, noPassword, 0xee);
      demand(!JSON.stringify(without).includes('"effect":"network"'), 'nobody passes without the password');
    },
  });

  fuzzed({
    name: `a LAC that meets a client, with ${named}`,
    runs: 800,
    // The first packet is what another LAC wishes of LCP.
    seeds: [
      [new Uint8Array(0), ...frames.slice(0, 12)],
      [captured.proxy.lastSentLcpConfReq ?? new Uint8Array(0), ...frames],
    ],
    run([wishes, ...frames]) {
      const want = wishes && wishes.length > 0 ? wishes : undefined;
      const ingress = new PppIngress(lns, seededRandom(seed + 2_000), { want, allow: want });
      let now = 0;
      let handed: PppProxy | undefined;
      let over = false;
      const rest: Uint8Array[] = [];
      const take = (effects: ReturnType<PppIngress['handle']>): void => {
        for (const effect of effects) {
          demand(!over, `nothing comes after the end, not ${effect.effect}`);
          if (effect.effect === 'frame')
            demand(effect.frame.length >= 4 && effect.frame.length <= 1_508, 'a frame fits');
          if (effect.effect === 'captured') handed = effect.proxy;
          over = effect.effect === 'captured' || effect.effect === 'down';
        }
      };
      take(ingress.handle({ event: 'open' }, now));
      for (const frame of frames) {
        now += 5;
        if (over) {
          rest.push(frame);
        } else if (frame.length === 0) {
          now = Math.max(now, ingress.deadline() ?? now);
          take(ingress.handle({ event: 'tick' }, now));
        } else {
          take(ingress.handle({ event: 'frame', bytes: frame, start: 0, end: frame.length }, now));
        }
      }
      demand(!over || ingress.deadline() === undefined, 'after the end it waits for nothing');
      // Whatever the LAC has made of it, an LNS bears.
      if (handed && !handed.proxyAuthenName?.includes(password))
        feed(new PppLink(lns, seededRandom(seed + 3_000), ADDRESSES.server, handed), rest, password, 0xee);
    },
  });
}
