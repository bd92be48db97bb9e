/** IPv6 packets to the router of a link: router solicitations and DHCPv6, with lengths and checksums made right. */
import { isDeepStrictEqual } from 'node:util';
import { Ipv6Router } from '../../src/engine/ppp/ipv6/router.ts';
import {
  clientId,
  dhcp,
  iaAddress,
  iaNa,
  iaPd,
  iaPrefix,
  iaTa,
  OURS,
  option,
  routerSpec,
  serverId,
  solicitation,
} from '../engine/ppp/ipv6/packets.ts';
import { seededRandom } from '../engine/ppp/pair.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';

const headerOctets = 40;
const leastMtu = 1280;
const udp = 17;

/** Mutations change what is inside: most packets would otherwise fall at the first check. */
function sealed(octets: Uint8Array): Uint8Array {
  const packet = Uint8Array.from(octets);
  const payload = packet.length - headerOctets;
  if (payload < 8) return packet;
  const view = new DataView(packet.buffer);
  view.setUint16(4, payload);
  const isUdp = packet[6] === udp;
  if (isUdp) view.setUint16(44, payload);
  const checksumAt = headerOctets + (isUdp ? 6 : 2);
  view.setUint16(checksumAt, 0);
  let sum = payload + packet[6];
  for (let at = 8; at < packet.length; at += 2) sum += packet[at] * 256 + (packet[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(checksumAt, 0xffff - sum || 0xffff);
  return packet;
}

/** What the router sends when it is told all of it, with other octets around the packets. */
function answers(input: FuzzInput, around: number): Uint8Array[] {
  const router = new Ipv6Router(routerSpec(), seededRandom(1));
  router.start(0);
  const sent: Uint8Array[] = [];
  let now = 0;
  for (const octets of input) {
    const packet = sealed(octets);
    const bytes = new Uint8Array(packet.length + 20).fill(around);
    bytes.set(packet, 10);
    const before = sent.length;
    router.receive(bytes, 10, 10 + packet.length, now, { push: ({ frame }) => sent.push(frame) });
    bytes.fill(0x55);
    demand(sent.length - before <= 1, 'a packet has one answer at most');
    now += 200;
    if (router.timerAt <= now) router.tick(now, { push: ({ frame }) => sent.push(frame) });
    demand(router.timerAt > now, 'the router waits for something that is to come');
  }
  return sent;
}

const old = iaPrefix('2001:db8:200::/56');

fuzzed({
  name: "a link's router",
  runs: 6_000,
  seeds: [
    [solicitation(), solicitation({ from: '::' }), solicitation({ options: [1, 1, 0, 0, 0, 0, 0, 0] })],
    [dhcp(1, [clientId, iaNa(1), iaTa(2), iaPd(3), iaPd(4)]), dhcp(3, [clientId, serverId, iaPd(3)])],
    [dhcp(1, [clientId, option(14), option(6, 0, 23), iaPd(3, iaPrefix('::/60'))])],
    [dhcp(5, [clientId, serverId, iaPd(3, iaPrefix('2001:db8:100::/56'), old)]), dhcp(6, [clientId, iaPd(3, old)])],
    [dhcp(4, [clientId, iaNa(1, iaAddress('2001:db8:0:7::1'))]), dhcp(11, [clientId])],
    [dhcp(8, [clientId, serverId, iaPd(3), iaPd(4)]), dhcp(9, [clientId, serverId, iaNa(1)])],
    [dhcp(3, [clientId, serverId, iaPd(3)], { to: OURS }), dhcp(12, [clientId])],
  ],
  run: (input) => {
    const sent = answers(input, 0xee);
    for (const frame of sent) demand(frame.length <= 4 + leastMtu, 'what is sent fits into any link');
    demand(isDeepStrictEqual(sent, answers(input, 0x11)), 'what stands around a packet does not matter');
  },
});
