/** What peers do otherwise than the RFC and can do to anybody: it is borne without a named work-around. */
import { describe, expect, it } from 'vitest';
import { hideValue } from '../../src/engine/wire/hidden.ts';
import { guarded, peerDialled, secret, theSession, theTunnel, weDialled } from '../engine/scenes.ts';
import { bench, sample, tunnelStates, types } from '../engine/scripted-peer.ts';
import { gatewaySpec, sessionSpec, tunnelSpec } from '../engine/world.ts';
import { avp, iccn, icrq, message, scccn, sccrp, sccrq, vendorName } from './octets.ts';

describe('a Result Code', () => {
  const stopOf = (...code: number[]) => message(4, avp(9, [0, 77]), avp(1, code));

  it.each([
    ['with swapped octets (macOS, iOS)', [6, 0, 0, 0], { result: 6, error: 0 }],
    ['of two octets (Android)', [0, 6], { result: 6 }],
    ['with a tail that is no text (MikroTik, Android)', [0, 6, 0, 0, 0, 0, 0, 0], { result: 6, error: 0 }],
    ['that nobody has defined', [0, 99], { result: 99 }],
  ])('%s ends a tunnel for the right reason', (_what, code, failure) => {
    const { node, peer } = weDialled();
    peer.sendBody(stopOf(...code));
    expect(theTunnel(node)).toMatchObject({ state: 'closed', failure });
  });

  it('of eight octets ends a call, and its tunnel stays', () => {
    const { node, peer } = weDialled();
    const sessionId = peer.log.findLast(({ type }) => type === 'ICRQ')?.avps.assignedSessionId;
    peer.sendBody(message(14, avp(1, [0, 3, 0, 0, 0, 0, 0, 0]), avp(14, [0, 5])), { sessionId });
    expect(theSession(node)).toMatchObject({ state: 'closed', failure: { result: 3 } });
    expect(theTunnel(node)?.state).toBe('established');
  });
});

describe('Windows', () => {
  it('asks again from its one port with the same tunnel id: it is one request', () => {
    const { node, peer } = bench(gatewaySpec());
    const request = sccrq(9, avp(10, [0, 8]), vendorName('Microsoft'));
    for (let again = 0; again < 4; again++) peer.sendBody(request, { tunnelId: 0, ns: 0 });
    expect(tunnelStates(node)).toEqual(['waitConnect']);
    expect(types(peer.log)).toEqual(['SCCRP']);
  });

  it('names another tunnel when it closes its own', () => {
    const { node, peer, world } = peerDialled();
    peer.sendBody(message(4, avp(9, [1, 1]), avp(1, [0, 1])));
    expect(tunnelStates(node)).toEqual(['closed']);
    world.runFor(20);
    expect(peer.log.at(-1)).toMatchObject({ type: 'ZLB', header: { tunnelId: peer.tunnelId } });
  });
});

describe('Cisco', () => {
  it('gets no hidden AVP in an SCCRQ, also where hideAvps is set', () => {
    const { world, node } = bench(gatewaySpec());
    const clear: boolean[] = [];
    const before = world.onDatagram;
    world.onDatagram = (from, to, datagram) => {
      // The AVPs behind the header; 0x40 is the H bit.
      for (let at = 12; at < datagram.length; at += ((datagram[at] & 3) << 8) | datagram[at + 1]) {
        clear.push((datagram[at] & 0x40) === 0);
      }
      before(from, to, datagram);
    };
    node.dial(tunnelSpec('10.0.0.9', { parameters: guarded({ hideAvps: true, secret }).peers[0].tunnel }));
    expect(clear.length).toBeGreaterThan(5);
    expect(clear.every(Boolean)).toBe(true);
  });

  it('announces a window of 800: we send as much as we want to', () => {
    const { node, peer, world } = bench(gatewaySpec());
    node.dial(tunnelSpec('10.0.0.9'));
    peer.sendBody(sccrp(77, avp(10, [3, 32])));
    peer.ack();
    for (let call = 0; call < 50; call++) node.run(node.engine.openSession(sessionSpec(`call-${call}`), world.now));
    let got = 0;
    for (let round = 0; round < 50; round++) {
      const news = types(round === 0 ? peer.unread() : peer.ack()).filter((type) => type === 'ICRQ');
      expect(news.length).toBeLessThanOrEqual(10);
      got += news.length;
    }
    expect(got).toBe(50);
  });

  it('leaves speed and framing out of its ICCN', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.connect();
    const [icrp] = peer.sendBody(icrq(5));
    peer.sendBody(message(12), { sessionId: icrp.avps.assignedSessionId });
    expect(theSession(node)?.state).toBe('established');
  });
});

describe('hidden AVPs', () => {
  const vector = Uint8Array.from({ length: 16 }, (_, index) => index);
  const randomVector = avp(36, [...vector]);

  function hidden(type: number, value: number[], padding = 0): number[] {
    const octets = [...hideValue(type, Uint8Array.from(value), secret.reveal(), vector)];
    return avp(type, [...octets, ...Array.from({ length: padding }, () => 0x5a)], 0xc0);
  }

  it('hold the Challenge of an SCCRQ (RtBrick)', () => {
    const { peer } = bench(guarded({ authMode: 'challenge', secret }));
    const [sccrp] = peer.sendBody(sccrq(77, randomVector, hidden(11, [1, 2, 3, 4])));
    expect(sccrp.avps.challengeResponse).toHaveLength(16);
  });

  it('hold a Proxy Authen Response with padding behind it (Juniper)', () => {
    const { node, peer } = bench(guarded({ secret }));
    peer.connect();
    const [icrp] = peer.sendBody(icrq(5));
    const proxy = [avp(29, [0, 3], 0), avp(30, 'alice', 0), avp(32, [0, 1], 0)];
    const body = iccn(...proxy, randomVector, hidden(33, [...new TextEncoder().encode('wonderland')], 32));
    peer.sendBody(body, { sessionId: icrp.avps.assignedSessionId });
    expect(theSession(node)).toMatchObject({ state: 'established', call: { proxyAuthenName: 'alice' } });
  });
});

describe('announcements that we do not share', () => {
  it('of RFC 4951 failover are passed over (Juniper)', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.sendBody(sccrq(77, avp(76, [0, 3, 0, 0, 0, 100, 0, 0, 0, 100], 0)));
    peer.sendBody(scccn);
    expect(tunnelStates(node)).toEqual(['established']);
  });

  it('of a vendor under a number of the IETF are the vendor’s (xl2tpd issue 163)', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.sendBody(sccrq(77, avp(7, 'not the host name', 0, 311)));
    expect([...node.engine.acceptedTunnels()][0].peerHostName).toBe('peer.example');
  });
});

describe('Meraki', () => {
  it('sends an SLI that nobody asked for, without an ACCM: it is acknowledged, and the call stays', () => {
    const { node, peer, world } = bench(gatewaySpec());
    peer.connect();
    const [icrp] = peer.sendBody(icrq(5));
    const sessionId = icrp.avps.assignedSessionId;
    peer.sendBody(message(16), { sessionId });
    peer.sendBody(iccn(), { sessionId });
    peer.sendBody(message(16), { sessionId });
    expect(theSession(node)?.state).toBe('established');
    world.runFor(20);
    expect(peer.log.at(-1)?.header.nr).toBe(peer.ns);
  });

  it('sends data before the call is up: the control connection does not read it', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.connect();
    // T is 0: tunnel and session, then PPP.
    expect(peer.sendOctets(Uint8Array.of(0, 2, 0, 77, 0, 5, 0xff, 3, 0xc0, 0x21, 1, 1, 0, 4))).toEqual([]);
    expect(tunnelStates(node)).toEqual(['established']);
  });
});

describe('xl2tpd', () => {
  it('sends more than our window holds: what is too far ahead has to come again', () => {
    const { node, peer } = bench(guarded({ receiveWindow: 4 }));
    peer.connect();
    const first = peer.ns;
    for (let call = 1; call < 8; call++) peer.sendBody(icrq(call + 1), { ns: first + call });
    expect(node.engine.sizes().sessions).toBe(0);
    peer.sendBody(icrq(1), { ns: first });
    expect(node.engine.sizes().sessions).toBe(4);
    for (let call = 4; call < 8; call++) peer.sendBody(icrq(call + 1), { ns: first + call });
    expect(node.engine.sizes().sessions).toBe(8);
  });

  it('gives a second call an id that is in use: only that call suffers', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.connect();
    peer.sendBody(icrq(6));
    peer.sendBody(icrq(5));
    peer.sendBody(icrq(5));
    expect(node.engine.sizes().sessions).toBe(1);
    expect(tunnelStates(node)).toEqual(['established']);
  });
});

it('a message longer than any needs to be is refused, and its call alone', () => {
  const { node, peer } = peerDialled();
  const filler = Array.from({ length: 5 }, (_, index) => avp(200 + index, Array(1_000).fill(1), 0));
  const [cdn] = peer.sendBody(icrq(9, ...filler));
  expect(cdn).toMatchObject({ type: 'CDN', header: { sessionId: 9 }, avps: { resultCode: { result: 2, error: 4 } } });
  expect(theTunnel(node)?.state).toBe('established');
  expect(types(peer.send({ ...sample(peer).ICRQ, avps: { assignedSessionId: 10, callSerialNumber: 3 } }))).toEqual([
    'ICRP',
  ]);
});
