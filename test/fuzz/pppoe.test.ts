/** PPPoE discovery packets from anybody on an Ethernet, into a concentrator whose calls go on in a tunnel. */
import type { EngineEffect } from '../../src/engine/effects.ts';
import { decodeDiscovery, encodeDiscovery, type Tag, tagOf } from '../../src/engine/pppoe/packet.ts';
import type { PppoeServerSpec } from '../../src/engine/spec.ts';
import { describeAvps } from '../../src/engine/wire/avp-text.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { samples } from '../engine/wire/samples.ts';
import { ethernet, gatewaySpec, pppSpec, sessionParameters } from '../engine/world.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { Script } from './script.ts';

const maxSessions = 3;
const servers: readonly PppoeServerSpec[] = [[], ['internet', 'games']].map((serviceNames) => ({
  name: 'access',
  interface: ethernet,
  acName: 'ac',
  serviceNames,
  maxSessions,
  session: { ...sessionParameters, forward: { rules: [{ tunnels: ['to-peer'] }], avps: {} } },
  ppp: pppSpec('server'),
}));

const text = (value: string) => new TextEncoder().encode(value);
const u32 = (value: number) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
const macOf = (client: number) => Uint8Array.of(2, 0, 0, 0, 0, client & 3);

/** All that an access node can tell of a line (RFC 4679). */
const line = Uint8Array.from([
  ...u32(3561),
  ...[0x01, 0x02].flatMap((type) => [type, 5, ...text('eth 1')]),
  ...[...Array(14).keys()].flatMap((index) => [0x81 + index, 4, ...u32(index === 0 ? 0xffff_ffff : 1_000 + index)]),
  ...[0x90, 3, 1, 2, 3],
  ...[0xfe, 0],
]);

/** A packet's first octet says which client it is of. */
function begin(spec: PppoeServerSpec) {
  const script = new Script();
  script.take(script.engine.configure(gatewaySpec({ pppoeServers: [spec] }), 0));
  script.dialled();
  const say = (client: number, packet: Uint8Array): EngineEffect[] => {
    const bytes = new Uint8Array(packet.length + 9).fill(0xc8);
    bytes.set(packet, 4);
    const effects = script.engine.discovery(ethernet, macOf(client), bytes, 4, 4 + packet.length, script.now);
    bytes.fill(0x55);
    return effects;
  };
  return { script, say };
}

function seedsOf(spec: PppoeServerSpec): FuzzInput[] {
  const service: Tag = ['serviceName', text('internet')];
  const extra: Tag[] = [
    ['hostUniq', Uint8Array.of(0, 1, 0xff)],
    ['relaySessionId', Uint8Array.of(7)],
    ['vendorSpecific', line],
    ['pppMaxPayload', Uint8Array.of(5, 0xdc)],
  ];
  const said = (client: number, type: 'PADI' | 'PADR', tags: readonly Tag[]) => {
    return Uint8Array.of(client, ...encodeDiscovery({ type, sessionId: 0, tags }));
  };
  const padi = said(1, 'PADI', [service, ...extra]);
  const [pado] = begin(spec).say(1, padi.subarray(1));
  demand(pado?.effect === 'discovery', 'the seed is answered');
  const offer = decodeDiscovery(pado.packet, 0, pado.packet.length);
  const cookie: Tag = ['acCookie', (offer && tagOf(offer, 'acCookie')) ?? new Uint8Array(0)];
  const padr = said(1, 'PADR', [service, cookie, ...extra]);
  const { script, say } = begin(spec);
  const asked = script.take(say(1, padr.subarray(1)));
  demand(asked[0]?.type === 'ICRQ' && script.engine.sizes().pppoe === 1, 'the seed makes a call');
  const id = [...script.engine.pppoeSessions()][0].sessionId;
  const padt = Uint8Array.of(1, ...encodeDiscovery({ type: 'PADT', sessionId: id, tags: [] }));
  const again = said(1, 'PADR', [service, cookie, ['hostUniq', Uint8Array.of(9)]]);
  const long = said(1, 'PADR', [['serviceName', new Uint8Array(1_300).fill(0xe9)], cookie]);
  return [[padi, padr, padt], [padr, padr, again, padt], [padr, again, long], [long], [padi]];
}

for (const spec of servers) {
  fuzzed({
    name: `a concentrator with ${spec.serviceNames.length} services`,
    runs: 1_500,
    seeds: seedsOf(spec),
    run(input) {
      const { script, say } = begin(spec);
      const { engine } = script;
      let padrs = 0;
      for (const packet of input) {
        if (packet.length === 0) continue;
        const [client] = packet;
        const read = decodeDiscovery(packet, 1, packet.length);
        if (read?.type === 'PADR') padrs++;
        const before = engine.sizes().pppoe;
        const effects = say(client, packet.subarray(1));
        const answers = effects.filter(({ effect }) => effect === 'discovery');
        demand(read !== undefined || effects.length === 0, 'what cannot be read has no effect');
        demand(answers.length <= 2, 'one packet makes no flood');
        for (const effect of answers) {
          if (effect.effect !== 'discovery') continue;
          const answer = decodeDiscovery(effect.packet, 0, effect.packet.length);
          demand(answer !== undefined, 'an answer is proper');
          demand(String(effect.peer) === String(macOf(client)), 'the answer goes where the question came from');
          if (answer.type === 'PADO') demand(read?.type === 'PADI', 'only a PADI is offered something');
          if (answer.type === 'PADS') demand(read?.type === 'PADR', 'only a PADR is confirmed');
        }
        if (engine.sizes().pppoe > before)
          demand(read !== undefined && tagOf(read, 'acCookie')?.length === 16, 'a cookie');
        demand(engine.sizes().pppoe <= Math.min(maxSessions, padrs), 'only requests make sessions, up to the limit');
        for (const { type, avps } of script.take(effects)) {
          if (type !== 'ICRQ') continue;
          const reply = { ...samples.ICRP.avps, assignedSessionId: 500 + padrs };
          script.sendTo(avps.assignedSessionId, dialects[2].encodeMessage({ type: 'ICRP', avps: reply }, 0));
        }
        for (const { call } of engine.pppoeSessions()) describeAvps(call);
      }
      script.take(engine.closeTunnel('to-peer', script.now));
      demand(engine.sizes().pppoe === 0 && engine.sizes().sessions === 0, 'calls end with their tunnel');
    },
  });
}
