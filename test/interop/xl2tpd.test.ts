import { describe, expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { lnsDocuments, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource } from './resources.ts';
import { complaintsAbout, type Dissected, dissect, sentMessages } from './tshark.ts';
import { startXl2tpd } from './xl2tpd.ts';

/** xl2tpd cannot speak PPP without the kernel's: its calls are established, and that is what is looked at. */

function sendsRandomVectors(dissected: readonly Dissected[], source: string): boolean {
  const randomVector = '36';
  return dissected.some((datagram) => datagram.source === source && datagram.avps.includes(randomVector));
}

/** `hidden bit` makes Debian's build send random vectors, but hide nothing. */
const settings = ['hidden bit = yes', 'flow bit = yes', 'tunnel rws = 2', 'call rws = 8', 'bps = 64000'];

describe.each([
  { secret: undefined, settings: [] },
  { secret: 'between-us-and-xl2tpd', settings },
])('with secret $secret', ({ secret, settings }) => {
  async function callXl2tpd() {
    const capture = await lacHost.capture(wire);
    const peer = await startXl2tpd(lnsHost, { address: lnsAddress, hostName: 'their-lns', secret, settings });
    const known = { secretRef: tunnelKey, authMode: 'challenge', hideAvps: true } as const;
    const fields = secret === undefined ? {} : known;
    await lac.declare('all.yaml', secrets(secret), tunnelDocument(fields), sessionDocument());
    await lac.start();
    await until('the call', async () => {
      const session = await lac.session('call');
      return session !== undefined && isTrue(session, 'Established') && (await peer.calls()) === 1;
    });
    return { capture, peer };
  }

  async function calledByXl2tpd() {
    const capture = await lnsHost.capture(wire);
    const tunnel = { hideAvps: secret !== undefined };
    await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret: secret, tunnel }));
    await lns.start();
    const identity = { address: lacAddress, hostName: 'their-lac', secret, settings };
    const peer = await startXl2tpd(lacHost, { ...identity, server: lnsAddress });
    await peer.dial();
    await until('the call', async () => {
      const [session] = await lns.sessions();
      return session !== undefined && isTrue(session, 'Established') && (await peer.calls()) === 1;
    });
    return { capture, peer };
  }

  test('we call xl2tpd, and hang up', async () => {
    const { capture, peer } = await callXl2tpd();
    const tunnel = await lac.tunnelReady('to-lns');
    expect(tunnel.status.peer?.hostName).toBe('their-lns');
    expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(secret !== undefined);
    await lac.declare('all.yaml', secrets(secret));
    await until('xl2tpd to end the call', async () => (await peer.calls()) === 0);
    await until('the tunnel to go', async () => (await lac.tunnels()).length === 0);

    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lacAddress).slice(0, 4)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN']);
    expect(sentMessages(dissected, lacAddress)).toContain('StopCCN');
    expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
    for (const address of [lacAddress, lnsAddress]) {
      expect(sendsRandomVectors(dissected, address)).toBe(secret !== undefined);
    }
  });

  test('we call xl2tpd, and it hangs up', async () => {
    const { capture, peer } = await callXl2tpd();
    const { localId } = (await lac.session('call'))?.status ?? {};
    await peer.endPpp();
    await lac.saysEvent({ kind: 'Session', name: 'call', message: /peer/ });
    await until('the call to be dialled again', async () => {
      const session = await lac.session('call');
      return session !== undefined && isTrue(session, 'Established') && session.status.localId !== localId;
    });
    expect(complaintsAbout(await dissect(await capture.stop()), lacAddress)).toEqual([]);
  });

  test('xl2tpd calls us, and hangs up', async () => {
    const { capture, peer } = await calledByXl2tpd();
    const [tunnel] = await lns.tunnels();
    expect(tunnel.status).toMatchObject({
      direction: 'accepted',
      peer: { hostName: 'their-lac', address: lacAddress },
    });
    expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(secret !== undefined);
    await peer.hangUp();
    await until('the sessions to go', async () => (await lns.sessions()).length === 0);

    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lnsAddress)).toEqual(['SCCRP', 'ICRP']);
    expect(sendsRandomVectors(dissected, lnsAddress)).toBe(secret !== undefined);
    expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
  });

  test('xl2tpd calls us, and we end', async () => {
    const { capture, peer } = await calledByXl2tpd();
    expect(await lns.stop()).toEqual({ code: 0, signal: undefined });
    await until('xl2tpd to end the call', async () => (await peer.calls()) === 0);
    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lnsAddress)).toContain('StopCCN');
    expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
  });
});

test('xl2tpd dials by itself, and again after we were stopped and started', async () => {
  await lns.declare('all.yaml', ...lnsDocuments());
  await lns.start();
  const identity = { address: lacAddress, hostName: 'their-lac', server: lnsAddress };
  const peer = await startXl2tpd(lacHost, { ...identity, autodial: true });
  const established = async () => {
    const [session] = await lns.sessions();
    return session !== undefined && isTrue(session, 'Established') && (await peer.calls()) === 1;
  };
  await until('the first call', established);
  await lns.stop();
  await until('the end of the call', async () => (await peer.calls()) === 0);
  await lns.start();
  await until('the next call', established);
});

test('xl2tpd asks us for an outgoing call, and hangs up', async () => {
  const capture = await lnsHost.capture(wire);
  await lns.declare(
    'all.yaml',
    resource('Gateway', 'lac', { listen: [{ address: lnsAddress }] }),
    resource('PeerProfile', 'asking', { match: { addresses: [lacAddress] }, sessionProfile: 'asking' }),
    resource('SessionProfile', 'asking', { type: 'lacOutgoing' }),
  );
  await lns.start();
  const identity = { address: lacAddress, hostName: 'their-lac', server: lnsAddress };
  const peer = await startXl2tpd(lacHost, identity);
  await peer.dialOut('5551234');
  const call = await until('the call', async () => {
    const [session] = await lns.sessions();
    return session !== undefined && isTrue(session, 'Established') && (await peer.calls()) === 1 && session;
  });
  expect(call.status).toMatchObject({ type: 'lacOutgoing', calledNumber: '5551234' });
  await peer.endPpp();
  await until('the session to go', async () => (await lns.sessions()).length === 0);

  const dissected = await dissect(await capture.stop());
  expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'OCRQ', 'CDN']);
  expect(sentMessages(dissected, lnsAddress)).toEqual(['SCCRP', 'OCRP', 'OCCN']);
  expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
});

test('xl2tpd, which says that it has no bearers, is not asked for outgoing calls, and that is told', async () => {
  const capture = await lacHost.capture(wire);
  await startXl2tpd(lnsHost, { address: lnsAddress, hostName: 'their-lns' });
  const outward = resource('Session', 'outward', { tunnel: 'to-lns', type: 'lnsOutgoing', calledNumber: '5551234' });
  await lac.declare('all.yaml', tunnelDocument(), outward);
  await lac.start();
  await lac.saysEvent({ kind: 'Session', name: 'outward', message: /bearer/ });
  expect(isTrue(await lac.tunnelReady('to-lns'), 'Established')).toBe(true);
  const dissected = await dissect(await capture.stop());
  expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN']);
});

test('a peer that does not know the secret gets no tunnel', async () => {
  const capture = await lnsHost.capture(wire);
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret: 'right' }));
  await lns.start();
  const peer = await startXl2tpd(lacHost, { address: lacAddress, hostName: 'x', secret: 'wrong', server: lnsAddress });
  await peer.dial();
  await peer.process.says(/Invalid challenge|closed to|authenticat/i);
  expect(await peer.calls()).toBe(0);
  expect((await lns.tunnels()).filter((tunnel) => isTrue(tunnel, 'Established'))).toEqual([]);
  expect(complaintsAbout(await dissect(await capture.stop()), lnsAddress)).toEqual([]);
});
