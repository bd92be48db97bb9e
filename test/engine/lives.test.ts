import { describe, expect, it } from 'vitest';
import { Lives } from '../../src/engine/lives.ts';
import { Secret } from '../../src/engine/spec.ts';
import { dialV3, open as openWire, pair, wire } from './l2tpv3-pair.ts';
import { gatewaySpec, type Node, peerSpec, sessionSpec, tunnelSpec, World } from './world.ts';

/** A LAC and an LNS, and what either hears of ups and downs. */
function scene() {
  const world = new World(5);
  const lac = world.node('10.0.0.1', gatewaySpec());
  const lns = world.node('10.0.0.2', gatewaySpec({ peers: [peerSpec()] }));
  lns.subscribers.set('alice', new Secret('wonderland'));
  const listen = (node: Node) => {
    const lives = new Lives(node.engine);
    let read = node.notices.length;
    const heard = () => {
      const news = node.notices.slice(read).flatMap((notice) => lives.notice(notice));
      read = node.notices.length;
      return news.map(({ event, title, view }) => [event, title, view.state]);
    };
    return { lives, heard };
  };
  const open = () => {
    lac.dial(tunnelSpec(lns.address, { name: 'to-lns' }));
    world.runFor(1_000);
    lac.run(lac.engine.openSession(sessionSpec('call', { tunnel: 'to-lns' }), world.now));
    world.runFor(5_000);
  };
  return { world, lac, lns, listen, open };
}

describe('ups and downs', () => {
  it('of what we declare go by its name: one up, when packets can pass, and one down', () => {
    const { world, lac, listen, open } = scene();
    const { lives, heard } = listen(lac);
    lives.want(true);
    open();
    expect(heard()).toEqual([
      ['tunnelUp', 'to-lns', 'established'],
      ['sessionUp', 'call', 'established'],
    ]);
    lac.run(lac.engine.closeTunnel('to-lns', world.now));
    expect(heard()).toEqual([
      ['sessionDown', 'call', 'closed'],
      ['tunnelDown', 'to-lns', 'closed'],
    ]);
  });

  it('of what peers open go by its ids, and remember who it was', () => {
    const { world, lac, lns, open } = scene();
    const lives = new Lives(lns.engine);
    lives.want(true);
    open();
    const ups = lns.notices.flatMap((notice) => lives.notice(notice));
    expect(ups.map(({ event, title }) => [event, title])).toEqual([
      ['tunnelUp', expect.stringMatching(/^#\d+$/)],
      ['sessionUp', expect.stringMatching(/^\d+\/\d+$/)],
    ]);
    const before = lns.notices.length;
    lac.run(lac.engine.closeSession('call', world.now));
    world.runFor(1_000);
    const [down] = lns.notices.slice(before).flatMap((notice) => lives.notice(notice));
    expect(down).toMatchObject({ event: 'sessionDown', title: ups[1].title, view: { ppp: { user: 'alice' } } });
  });

  it('of pseudowires come when they are attached, at both ends, and once', () => {
    const ends = pair({});
    const heardAt = (node: Node) => {
      const lives = new Lives(node.engine);
      lives.want(true);
      const heard: unknown[] = [];
      // Each notice is heard when it comes: at the first one the pseudowire has no device yet.
      node.notices.push = (...notices) => {
        for (const { event, view } of notices.flatMap((notice) => lives.notice(notice))) {
          if (event === 'sessionUp' || event === 'sessionDown') heard.push([event, view.interface]);
        }
        return 0;
      };
      return heard;
    };
    const [left, right] = [heardAt(ends.left), heardAt(ends.right)];
    dialV3(ends, {});
    openWire(ends, wire('office'));
    expect(left).toEqual([['sessionUp', 'tap0']]);
    expect(right).toEqual([['sessionUp', 'tap0']]);
  });

  it('of what was up before somebody asked are heard of too', () => {
    const { world, lac, listen, open } = scene();
    open();
    const { lives, heard } = listen(lac);
    lives.want(true);
    lac.run(lac.engine.closeSession('call', world.now));
    expect(heard()).toEqual([['sessionDown', 'call', 'closed']]);
  });

  it('are not told of a call that never carried a packet', () => {
    const { lac, lns, listen, open } = scene();
    lns.subscribers.set('alice', new Secret('another'));
    const { lives, heard } = listen(lac);
    lives.want(true);
    open();
    expect(heard().map(([event]) => event)).toEqual(['tunnelUp']);
  });

  it('cost nothing when nobody asks', () => {
    const { lac, listen, open } = scene();
    const { heard } = listen(lac);
    open();
    expect(heard()).toEqual([]);
  });
});
