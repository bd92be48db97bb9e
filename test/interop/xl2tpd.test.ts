import { describe, expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { lnsDocuments, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';
import { startXl2tpd } from './xl2tpd.ts';

/** xl2tpd cannot speak PPP without the kernel's: its calls are established, and that is what is looked at. */

describe.each([{ secret: undefined }, { secret: 'between-us-and-xl2tpd' }])('with secret $secret', ({ secret }) => {
  async function callXl2tpd() {
    const capture = await lacHost.capture(wire);
    const peer = await startXl2tpd(lnsHost, { address: lnsAddress, hostName: 'their-lns', secret });
    const fields = secret === undefined ? {} : ({ secretRef: tunnelKey, authMode: 'challenge' } as const);
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
    await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret: secret }));
    await lns.start();
    const peer = await startXl2tpd(lacHost, { address: lacAddress, hostName: 'their-lac', secret, server: lnsAddress });
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
