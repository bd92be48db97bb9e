import { expect, it } from 'vitest';
import type { GrantedTunnel } from '../../src/engine/aaa.ts';
import { GrantedTunnels, grantedName } from '../../src/engine/granted-tunnels.ts';
import { Secret } from '../../src/engine/spec.ts';
import { tunnelParameters } from './world.ts';

const remoteAddress = '10.0.0.3';

it('names tunnels apart whatever stands in their parts', () => {
  const different: Partial<GrantedTunnel>[] = [
    {},
    { hostName: 'a', assignmentId: 'b' },
    { hostName: 'a b' },
    { hostName: 'a%20b' },
    { assignmentId: 'a b' },
    { localAddress: 'a', hostName: 'b' },
    { assignmentId: ' ' },
  ];
  const names = different.map((part) => grantedName({ remoteAddress, ...part }));
  expect(new Set(names).size).toBe(different.length);
  expect(grantedName({ remoteAddress })).toBe('granted 10.0.0.3');
});

it('has one dialled for all calls that want it, and no more than so many at a time', () => {
  const tunnels = new GrantedTunnels();
  const want = (address: string, call: number) =>
    tunnels.want({ remoteAddress: address, secret: new Secret('tunnel secret') }, tunnelParameters(), call);
  const dialled = want(remoteAddress, 1);
  expect(dialled).toMatchObject([{ effect: 'dial', spec: { name: 'granted 10.0.0.3', granted: true } }]);
  expect(JSON.stringify(dialled)).not.toContain('tunnel secret');
  expect(want(remoteAddress, 2)).toEqual([]);
  expect([...tunnels.take('granted 10.0.0.3')]).toEqual([1, 2]);
  expect(tunnels.size).toBe(0);
  let madeUp = 0;
  while (want(`made-up-${madeUp}.example`, madeUp)) madeUp++;
  expect(tunnels.size).toBe(1_000);
  expect(want('made-up-7.example', 5)).toEqual([]);
});
