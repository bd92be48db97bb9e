import { describe, expect, it } from 'vitest';
import type { MppeKeys } from '../../../src/engine/ppp/auth/mppe-keys.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Pair, PERFECT, packet } from './pair.ts';
import { clientSpec, serverSpec } from './specs.ts';

const CCP = 0x80fd;
const mschap: Partial<PppSpec> = { authMethods: ['mschapv2'] };

function run(client: Partial<PppSpec>, server: Partial<PppSpec>, seed = 1, path = PERFECT): Pair {
  return new Pair(clientSpec({ ...mschap, ...client }), serverSpec({ ...mschap, ...server }), { seed, path })
    .open()
    .run();
}

/** The client's and the server's. */
function keysOf(pair: Pair): (MppeKeys | undefined)[] {
  return [pair.client.keys, pair.server.keys];
}

describe('encryption', () => {
  it.each(['mschapv1', 'mschapv2', 'eap'] as const)(
    'has the keys of %s, each end sends what the other receives',
    (method) => {
      const pair = run({ mppe: 'required', authMethods: [method] }, { mppe: 'required', authMethods: [method] });
      const [client, server] = keysOf(pair);
      expect(client?.send).toHaveLength(16);
      expect(client).toEqual({ send: server?.receive, receive: server?.send });
      expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
      // RFC 3078 3: four octets more in each packet.
      expect(pair.client.network?.mtu).toBe(1496);
    },
  );

  it('comes before the first user packet where it is required', () => {
    const pair = run({ mppe: 'required' }, { mppe: 'required' });
    for (const side of [pair.client, pair.server]) expect(side.told[0]).toBe('encrypt');
  });

  it('is optional on demand: who does not want it goes without', () => {
    const pair = run({ mppe: 'none' }, { mppe: 'optional' });
    expect(keysOf(pair)).toEqual([undefined, undefined]);
    expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
    const both = run({ mppe: 'optional' }, { mppe: 'optional' });
    expect(both.client.keys).toEqual({ send: both.server.keys?.receive, receive: both.server.keys?.send });
  });

  it.each([
    ['client', { mppe: 'required' }, { mppe: 'none' }],
    ['server', { mppe: 'none' }, { mppe: 'required' }],
  ] as const)('that only the %s requires ends the link', (side, client, server) => {
    const pair = run(client, server);
    expect(pair[side].down).toMatchObject({ reason: 'the peer rejected CCP', failed: true });
    expect(pair[side].cause).toEqual([18, CCP, 0]);
    expect(pair.server.network?.ipv4).toBeUndefined();
  });

  it('cannot be where the way of authentication gives no keys', () => {
    const pair = run({ authMethods: ['chap'], mppe: 'optional' }, { authMethods: ['chap'], mppe: 'required' });
    expect(pair.server.down?.reason).toContain('encryption is required, and the peer’s authentication gives no keys');
    const optional = run({ authMethods: ['chap'], mppe: 'optional' }, { authMethods: ['chap'], mppe: 'optional' });
    expect(keysOf(optional)).toEqual([undefined, undefined]);
    expect(optional.server.hasIpv4).toBe(true);
  });

  it('begins with new keys after a renegotiation, and ends with the link', () => {
    const pair = run({ mppe: 'required' }, { mppe: 'required' });
    const [before] = keysOf(pair);
    pair.inject('server', Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 1, 77, 0, 4));
    pair.run(60_000);
    const [client, server] = keysOf(pair);
    expect(client?.send).not.toEqual(before?.send);
    expect(client).toEqual({ send: server?.receive, receive: server?.send });
    pair.close('client').run();
    expect(keysOf(pair)).toEqual([undefined, undefined]);
  });

  it.each(['client', 'server'] as const)('that the %s negotiates anew lets nothing pass in the clear', (side) => {
    const pair = run({ mppe: 'required' }, { mppe: 'required' });
    const other = side === 'client' ? pair.server : pair.client;
    other.told.length = 0;
    // As after a lost Configure-Ack.
    pair.inject(side === 'client' ? 'server' : 'client', packet(CCP, 1, 77, [18, 6, 0x01, 0, 0, 0x40]));
    expect(other.told).toEqual(['network', 'encrypt']);
    expect([other.network?.ipv4, other.keys]).toEqual([undefined, undefined]);
    pair.run(60_000);
    expect(other.told.slice(2, 4)).toEqual(['encrypt', 'network']);
    expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
    const [client, server] = keysOf(pair);
    expect(client).toEqual({ send: server?.receive, receive: server?.send });
  });

  it.each(['optional', 'required'] as const)('that is %s ends when the peer rejects CCP after all', (mppe) => {
    const pair = run({ mppe }, { mppe });
    pair.cut = true;
    pair.inject('server', packet(0xc021, 8, 1, [CCP >> 8, CCP & 255, 1, 1, 0, 4]));
    expect(pair.server.keys).toBeUndefined();
    expect(pair.server.network?.mtu).toBe(1500);
    expect(pair.server.hasIpv4).toBe(mppe === 'optional');
  });

  it('is agreed on over any path', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const path = { lossPercent: 20, duplicatePercent: 10, maxDelayMs: 500 };
      const pair = run({ mppe: 'required' }, { mppe: 'required' }, seed, path);
      const [client, server] = keysOf(pair);
      const down = [pair.client.down, pair.server.down];
      const carries = [pair.client.hasIpv4, pair.server.hasIpv4];
      expect({ seed, down, carries }).toEqual({ seed, down: [undefined, undefined], carries: [true, true] });
      expect(client).toBeDefined();
      expect(client).toEqual(server && { send: server.receive, receive: server.send });
    }
  });
});
