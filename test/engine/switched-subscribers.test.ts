import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { PppoeClient } from './pppoe-client.ts';
import { ethernet, gatewaySpec, peerSpec, pppSpec, sessionParameters, World } from './world.ts';

const wide = { match: { addresses: ['10.0.0.0/8'] } };

/** A client on our Ethernet whose way the AAA knows, and who goes on to an LNS. */
function called() {
  const world = new World(11);
  const session = { ...sessionParameters, forward: { rules: [{ aaa: true, tunnels: [] }], avps: {} } };
  const ppp = pppSpec('server', { authMethods: ['chap'] });
  const access = { name: 'access', interface: ethernet, acName: 'ac', serviceNames: [], maxSessions: 0, session, ppp };
  const lac = world.node('10.0.0.1', gatewaySpec());
  const lns = world.node('10.0.0.3', gatewaySpec({ peers: [peerSpec({ ...wide, ppp })] }));
  for (const node of [lac, lns]) node.subscribers.set('alice', new Secret('wonderland'));
  lac.grants.set('alice', { tunnels: [{ remoteAddress: lns.address, secret: new Secret('tunnel secret') }] });
  const { peers } = gatewaySpec({
    peers: [peerSpec({ ...wide, tunnel: { ...peerSpec().tunnel, secret: new Secret('tunnel secret') }, ppp })],
  });
  lns.run(lns.engine.configure({ ...lns.gateway, peers }, world.now));
  lac.run(lac.engine.configure({ ...lac.gateway, pppoeServers: [access] }, world.now));
  const client = new PppoeClient(
    world,
    lac,
    Uint8Array.of(2, 0, 0, 0, 0, 1),
    pppSpec('client', { authMethods: ['chap'] }),
  );
  client.connect();
  world.runFor(10_000);
  expect(client.link?.view().phase).toBe('network');
  const told = () => lac.accounts.map(({ event, cause, user }) => [event, user, cause].filter(Boolean).join(' '));
  return { world, lac, lns, client, told };
}

describe('a PPPoE client whose way the AAA knows', () => {
  it('is accounted for until it leaves', () => {
    const { world, lac, client, told } = called();
    expect(told()).toEqual(['start alice']);
    expect(lac.accounts[0].call).toMatchObject({ avps: { callingNumber: '02:00:00:00:00:01' } });
    client.disconnect();
    world.runFor(1_000);
    expect(told()).toEqual(['start alice', 'stop alice userRequest']);
  });

  it('is hung up by the AAA, at the LNS too', () => {
    const { world, lac, lns, client, told } = called();
    lac.run(lac.engine.disconnect(client.sessionId, 'adminReset', 'RADIUS wants it', world.now) ?? []);
    client.disconnect();
    world.runFor(1_000);
    expect(told()).toEqual(['start alice', 'stop alice adminReset']);
    expect([...lns.engine.acceptedSessions()]).toEqual([]);
    expect(lac.engine.sizes()).toMatchObject({ sessions: 0, pppoe: 0, serials: 0 });
  });

  it('is accounted for until we end', () => {
    const { world, lac, told } = called();
    lac.run(lac.engine.shutdown(world.now));
    world.runFor(1_000);
    expect(told()).toEqual(['start alice', 'stop alice adminReboot']);
  });

  it('goes by a tunnel whose secret nobody sees', () => {
    const { lac } = called();
    const { engine } = lac;
    const seen = [...engine.acceptedTunnels(), ...engine.liveTunnels(), ...engine.pppoeSessions()];
    expect(seen).toMatchObject([{ name: 'granted 10.0.0.3', authenticated: true }, { title: 'granted 10.0.0.3' }, {}]);
    expect(JSON.stringify([seen, lac.notices, lac.traces])).not.toContain('tunnel secret');
  });
});
