import { describe, expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { lacHost, lnsHost } from './fresh-pair.ts';
import { startL2tpns } from './l2tpns.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';
import { startXl2tpd } from './xl2tpd.ts';

/** The peers against each other: what they do to each other, they may be expected to do to us. */

describe.each([{ secret: undefined }, { secret: 'between-the-two' }])('with secret $secret', ({ secret }) => {
  test('xl2tpd calls xl2tpd', async () => {
    const capture = await lacHost.capture(wire);
    const server = await startXl2tpd(lnsHost, { address: lnsAddress, hostName: 'lns', secret });
    const caller = await startXl2tpd(lacHost, { address: lacAddress, hostName: 'lac', secret, server: lnsAddress });
    await caller.dial();
    await until('the call at both ends', async () => (await caller.calls()) === 1 && (await server.calls()) === 1);
    await caller.hangUp();
    await until('the end of the call', async () => (await caller.calls()) === 0 && (await server.calls()) === 0);

    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN', 'StopCCN']);
    expect(sentMessages(dissected, lnsAddress)).toEqual(['SCCRP', 'ICRP']);
    expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
    expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
    const challenge = '11';
    expect(dissected.some(({ avps }) => avps.includes(challenge))).toBe(secret !== undefined);
  });

  test('xl2tpd calls l2tpns', async () => {
    const capture = await lacHost.capture(wire);
    const server = await startL2tpns(lnsHost, { address: lnsAddress, secret, authentication: 'pap', users: {} });
    const caller = await startXl2tpd(lacHost, { address: lacAddress, hostName: 'lac', secret, server: lnsAddress });
    await caller.dial();
    await server.process.says(/LCP: send ConfigReq/);
    expect(await caller.calls()).toBe(1);
    await caller.hangUp();
    await server.process.says(/Received StopCCN/);

    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lnsAddress)).toEqual(['SCCRP', 'ICRP']);
    expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
    const challengeResponse = '13';
    expect(dissected.some(({ avps }) => avps.includes(challengeResponse))).toBe(secret !== undefined);
  });
});

test('a wrong secret ends the tunnel before there is a call', async () => {
  const server = await startXl2tpd(lnsHost, { address: lnsAddress, hostName: 'lns', secret: 'one' });
  const caller = await startXl2tpd(lacHost, {
    address: lacAddress,
    hostName: 'lac',
    secret: 'other',
    server: lnsAddress,
  });
  await caller.dial();
  await caller.process.says(/Invalid challenge authentication|closed to/i);
  expect(await server.calls()).toBe(0);
});
