import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { captureOf } from '../../../pcap.ts';
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
  RouterBench,
  serverId,
  solicitation,
} from './packets.ts';

/** PPP in HDLC-like framing, without FCS. */
const LINKTYPE_PPP = 9;

/** Frames as tshark tells them, one text each. */
function dissect(frames: readonly Uint8Array[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'router-'));
  try {
    const file = join(directory, 'frames.pcap');
    writeFileSync(file, captureOf(LINKTYPE_PPP, frames));
    const args = ['-r', file, '-V', '-o', 'udp.check_checksum:TRUE'];
    const report = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return report.split(/^Frame \d+: .*$/m).slice(1);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const old = iaPrefix('2001:db8:200::/56');

/** What we are asked, and lines of our answer in their order. */
const asked: [name: string, octets: Uint8Array, told: string][] = [
  [
    'an Advertise',
    dhcp(1, [clientId, iaNa(5), iaTa(6), iaPd(7), iaPd(8)]),
    `Source Address: fe80::1:2
    Destination Address: fe80::a:b
    Source Port: 547
    Destination Port: 546
    Message type: Advertise (2)
    Transaction ID: 0x112233
    Server Identifier
    DUID Type: Universally Unique IDentifier (UUID) (4)
    Client Identifier
    Link-layer address: 02:00:00:00:00:09
    Identity Association for Non-temporary Address
    IAID: 00000005
    Status Code: NoAddrAvail (2)
    Identity Association for Temporary Address
    IATA: 00000006
    Status Code: NoAddrAvail (2)
    Identity Association for Prefix Delegation
    IAID: 00000007
    T1: 2700
    T2: 4320
    Preferred lifetime: 5400
    Valid lifetime: 10800
    Prefix length: 56
    Prefix address: 2001:db8:100::
    Identity Association for Prefix Delegation
    IAID: 00000008
    Status Code: NoPrefixAvail (6)
    DNS recursive name server
    1 DNS server address: 2001:db8::53
    2 DNS server address: 2001:db8::54`,
  ],
  [
    'a Reply to a Solicit',
    dhcp(1, [clientId, option(14), iaPd(7)]),
    `Message type: Reply (7)
    Rapid Commit
    Prefix address: 2001:db8:100::`,
  ],
  [
    'a Reply to a Request',
    dhcp(3, [clientId, serverId, iaPd(7)]),
    `Message type: Reply (7)
    Prefix address: 2001:db8:100::`,
  ],
  ['a Reply to a Confirm', dhcp(4, [clientId, iaNa(5, iaAddress('2001:db8:9::1'))]), 'Status Code: NotOnLink (4)'],
  [
    'a Reply to a Renew',
    dhcp(5, [clientId, serverId, iaPd(7, old)]),
    `Preferred lifetime: 5400
    Prefix address: 2001:db8:100::
    Preferred lifetime: 0
    Valid lifetime: 0
    Prefix address: 2001:db8:200::`,
  ],
  [
    'a Reply to a Release',
    dhcp(8, [clientId, serverId, iaPd(7), iaPd(8)]),
    `Status Code: Success (0)
    IAID: 00000008
    Status Code: NoBinding (3)`,
  ],
  [
    'a Reply to an Information-request',
    dhcp(11, []),
    `Message type: Reply (7)
    1 DNS server address: 2001:db8::53`,
  ],
  ['a Reply to unicast', dhcp(3, [clientId, serverId], { to: OURS }), 'Status Code: UseMulticast (5)'],
];

const advertisement = `Hop Limit: 255
    Source Address: fe80::1:2
    Destination Address: ff02::1
    Type: Router Advertisement (134)
    Code: 0
    Cur hop limit: 64
    0... .... = Managed address configuration: Not set
    .1.. .... = Other configuration: Set
    ...0 0... = Prf (Default Router Preference): Medium (0)
    Router lifetime (s): 5400
    MTU: 1492
    Prefix Length: 64
    0... .... = On-link flag(L): Not set
    .1.. .... = Autonomous address-configuration flag(A): Set
    Valid Lifetime: 10800
    Preferred Lifetime: 5400
    Prefix: 2001:db8:0:7::
    Type: Recursive DNS Server (25)
    Lifetime: 5400
    Recursive DNS Servers: 2001:db8::53
    Recursive DNS Servers: 2001:db8::54`;

/** The lines that are not there, in the order in which they are looked for. */
function missing(text: string, wanted: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  let from = 0;
  return wanted.split('\n').filter((line) => {
    const at = lines.indexOf(line.trim(), from);
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

const routers = new RouterBench();
const bare = new RouterBench({ prefix: undefined, delegated: undefined, dns: [], mtu: 0 });
let told: string[];

beforeAll(() => {
  for (const bench of [routers, bare]) {
    bench.hear(solicitation());
    bench.run(1_000);
  }
  for (const [, octets] of asked) {
    routers.now += 1_000;
    routers.hear(octets);
  }
  told = dissect([...bare.sent, ...routers.sent].map(({ frame }) => frame));
}, 60_000);

describe('tshark', () => {
  it('reads every packet of ours, and finds nothing wrong', () => {
    expect(told.length).toBe(2 + asked.length);
    for (const text of told) {
      expect(text).toMatch(/Protocol: Internet Protocol version 6 \(0x0057\)/);
      expect(text).toMatch(/Checksum: 0x[0-9a-f]{4} \[correct\]/);
      expect(text).not.toMatch(/malformed|expert info|unknown|incorrect/i);
    }
  });

  it('reads a router advertisement', () => {
    expect(missing(told[1], advertisement)).toEqual([]);
  });

  it('reads an advertisement that has nothing to give', () => {
    expect(missing(told[0], '.0.. .... = Other configuration: Not set')).toEqual([]);
    expect(told[0]).not.toMatch(/ICMPv6 Option/);
  });

  it.each(asked.map(([name, , wanted], index) => ({ name, wanted, index })))('reads $name', ({ wanted, index }) => {
    expect(missing(told[2 + index], wanted)).toEqual([]);
  });
});
