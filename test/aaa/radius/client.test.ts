import { describe, expect, it } from 'vitest';
import { RadiusClient } from '../../../src/aaa/radius/client.ts';
import type { Question, RadiusServer, ServerSpec } from '../../../src/aaa/radius/server.ts';
import { Secret } from '../../../src/engine/spec.ts';
import { forSeeds } from '../../engine/seeds.ts';
import { type Behaviour, InstantClock, silent, VirtualServers, welcoming } from './virtual-servers.ts';

const timeoutMs = 1_000;
const deadTimeMs = 60_000;
const [first, second, third] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(
  (address): ServerSpec => ({ address, port: 1812, secret: new Secret(`of ${address}`), timeoutMs, retries: 2 }),
);

/** A client and its servers, and what has come of its questions. */
class Scene {
  readonly clock = new InstantClock();
  readonly servers = new VirtualServers(this.clock);
  readonly client = new RadiusClient(this.clock, this.servers.open);
  readonly outcomes = new Map<string, string[]>();

  constructor(behaviours: readonly (readonly [ServerSpec, Behaviour])[]) {
    for (const [spec, behaviour] of behaviours) this.servers.set(spec, behaviour);
    this.client.configure(
      behaviours.map(([spec]) => spec),
      deadTimeMs,
    );
  }

  ask(userName: string, only?: Parameters<RadiusClient['ask']>[3]): Question {
    this.outcomes.set(userName, []);
    const tell: Question['answer'] = (answer) => {
      const word = 'failure' in answer ? answer.failure : `${answer.packet.type} from ${answer.server.spec.address}`;
      this.outcomes.get(userName)?.push(word);
    };
    return this.client.ask('accessRequest', { userName }, tell, only);
  }

  asked(server: ServerSpec): (string | undefined)[] {
    return this.servers.at(server.address).map(({ packet }) => packet.attributes.userName);
  }

  view(server: ServerSpec) {
    return this.client.view(server.address, server.port);
  }
}

describe('a question', () => {
  it('is answered by the first server', () => {
    const scene = new Scene([
      [first, welcoming],
      [second, welcoming],
    ]);
    scene.ask('a');
    scene.clock.run(10);
    expect(scene.outcomes.get('a')).toEqual(['accessAccept from 192.0.2.1']);
    expect(scene.asked(second)).toEqual([]);
    expect(scene.view(first)).toMatchObject({
      alive: true,
      requests: 1,
      accepts: 1,
      rejects: 0,
      timeouts: 0,
      drops: 0,
    });
  });

  it('is repeated with the same octets from the same port, and then goes to the next server', () => {
    const scene = new Scene([
      [first, silent],
      [second, welcoming],
    ]);
    scene.ask('a');
    scene.clock.run(3 * timeoutMs + 10);
    expect(scene.outcomes.get('a')).toEqual(['accessAccept from 192.0.2.2']);
    const tries = scene.servers.at(first.address);
    expect(tries.map(({ atMs }) => atMs)).toEqual([1, 1_001, 2_001]);
    expect(new Set(tries.map(({ digest, channel }) => `${digest} ${channel}`)).size).toBe(1);
    expect(scene.view(first)).toMatchObject({ alive: false, requests: 1, timeouts: 1, lastError: 'no answer' });
  });

  it('fails when nobody answers, with the servers in words', () => {
    const scene = new Scene([
      [first, silent],
      [second, silent],
    ]);
    scene.ask('a');
    scene.clock.run();
    expect(scene.outcomes.get('a')).toEqual(['no RADIUS server answers: 192.0.2.1, 192.0.2.2']);
    expect(scene.client.openQuestions).toBe(0);
    expect(scene.clock.pending).toBe(0);
  });

  it('that is cancelled gets no answer', () => {
    const scene = new Scene([[first, welcoming]]);
    const question = scene.ask('a');
    for (let i = 0; i < 2; i++) scene.client.cancel(question);
    expect(scene.client.openQuestions).toBe(0);
    scene.clock.run();
    expect(scene.outcomes.get('a')).toEqual([]);
    expect(scene.view(first)).toMatchObject({ drops: 1 });
  });

  it('that is cancelled while it waits for an identifier is never asked', () => {
    const scene = new Scene([[first, welcoming]]);
    for (let i = 0; i < 4_096; i++) scene.ask(`${i}`);
    scene.client.cancel(scene.ask('a'));
    scene.clock.run();
    expect(scene.asked(first)).not.toContain('a');
    expect(scene.client.openQuestions).toBe(0);
  });

  it('is let go by the answer to another one', () => {
    const scene = new Scene([
      [first, silent],
      [second, silent],
    ]);
    const others: Question[] = [];
    const cancelAll = () => {
      for (const other of others) scene.client.cancel(other);
    };
    scene.client.ask('accessRequest', { userName: 'a' }, cancelAll);
    for (let i = 0; i < 10; i++) others.push(scene.ask(`${i}`));
    scene.client.configure([], deadTimeMs);
    expect(scene.client.openQuestions).toBe(0);
    expect([...scene.outcomes.values()].flat()).toEqual([]);
  });

  it('that goes on with a State goes to that server only', () => {
    const scene = new Scene([
      [first, welcoming],
      [second, welcoming],
    ]);
    const from: RadiusServer[] = [];
    scene.client.ask('accessRequest', { userName: 'a' }, (answer) => {
      if (!('failure' in answer)) from.push(answer.server);
    });
    scene.clock.run();
    scene.servers.set(first, silent);
    scene.ask('b');
    scene.clock.run(1.5 * timeoutMs);
    // The death of the server that b sees in the meantime does not move it.
    scene.ask('a again', from[0]);
    scene.clock.run();
    expect(scene.outcomes.get('b')).toEqual(['accessAccept from 192.0.2.2']);
    expect(scene.outcomes.get('a again')).toEqual(['no RADIUS server answers: 192.0.2.1']);
    expect(scene.asked(first).filter((name) => name === 'a again').length).toBe(3);
    expect(scene.asked(second)).toEqual(['b']);
    scene.client.configure([second], deadTimeMs);
    scene.ask('a once more', from[0]);
    const gone = 'the RADIUS server that began this exchange is no longer configured';
    expect(scene.outcomes.get('a once more')).toEqual([gone]);
  });

  it('that is too long for a packet fails alone', () => {
    const scene = new Scene([[first, welcoming]]);
    const failures: unknown[] = [];
    const tooLong = { eapMessage: new Uint8Array(5_000) };
    scene.client.ask('accessRequest', tooLong, (answer) => failures.push(answer));
    expect(failures).toEqual([{ failure: 'more attributes than a RADIUS packet takes', unaskable: true }]);
    scene.ask('a');
    scene.clock.run();
    expect(scene.outcomes.get('a')).toEqual(['accessAccept from 192.0.2.1']);
  });

  it('is one too many when 20,000 are open', () => {
    const scene = new Scene([[first, silent]]);
    for (let i = 0; i < 20_000; i++) scene.ask(`${i}`);
    scene.ask('one more');
    expect(scene.outcomes.get('one more')).toEqual(['20000 questions to RADIUS servers are open']);
    expect(scene.servers.channels.length).toBe(16);
    scene.client.close();
    expect(scene.outcomes.get('19999')).toEqual(['there is no RADIUS server to ask']);
    expect(scene.client.openQuestions).toBe(0);
    expect(scene.servers.channels.every(({ closed }) => closed)).toBe(true);
  });

  it('waits for an identifier when all are in use', () => {
    const scene = new Scene([[first, welcoming]]);
    for (let i = 0; i < 5_000; i++) scene.ask(`${i}`);
    scene.clock.run(1);
    expect(scene.asked(first).length).toBe(4_096);
    scene.clock.run();
    expect(scene.asked(first).length).toBe(5_000);
    expect([...scene.outcomes.values()].every(([word]) => word === 'accessAccept from 192.0.2.1')).toBe(true);
    expect(scene.servers.channels.length).toBe(16);
  });
});

describe('a server that is dead', () => {
  function dead(): Scene {
    const scene = new Scene([
      [first, silent],
      [second, welcoming],
    ]);
    scene.ask('before');
    scene.clock.run(3 * timeoutMs + 10);
    expect(scene.view(first)?.alive).toBe(false);
    return scene;
  }

  it('is left alone for its dead time, and its other questions go on at once', () => {
    const scene = new Scene([
      [first, silent],
      [second, welcoming],
    ]);
    scene.ask('a');
    scene.clock.run(timeoutMs);
    scene.ask('b');
    scene.clock.run(2 * timeoutMs + 10);
    expect(scene.outcomes.get('b')).toEqual(['accessAccept from 192.0.2.2']);
    scene.ask('c');
    scene.clock.run(10);
    expect(scene.outcomes.get('c')).toEqual(['accessAccept from 192.0.2.2']);
    expect(scene.asked(first)).not.toContain('c');
  });

  it('is not asked what waited for an identifier when it died; others are, in the order of the questions', () => {
    const scene = new Scene([
      [first, { ...silent, delays: () => [] }],
      [second, welcoming],
    ]);
    const names = Array.from({ length: 5_000 }, (_, i) => `${i}`);
    for (const name of names) scene.ask(name);
    scene.clock.run();
    expect(scene.view(first)?.requests).toBe(4_096);
    // By the first one's silence it was noticed.
    expect(scene.asked(second)).toEqual([...names.slice(1), '0']);
  });

  it('like all others costs no more with each of thousands of questions', () => {
    const lost: Behaviour = { ...silent, delays: () => [] };
    const scene = new Scene([
      [first, lost],
      [second, lost],
    ]);
    for (let i = 0; i < 20_000; i++) scene.ask(`${i}`);
    scene.clock.run();
    expect(new Set([...scene.outcomes.values()].flat())).toEqual(
      new Set(['no RADIUS server answers: 192.0.2.1, 192.0.2.2']),
    );
    expect(scene.client.openQuestions).toBe(0);
  });

  it('is probed with one question when that is over, once, and left alone again', () => {
    const scene = dead();
    scene.clock.run(deadTimeMs);
    for (const name of ['probe', 'other']) scene.ask(name);
    scene.clock.run(10);
    expect(scene.outcomes.get('other')).toEqual(['accessAccept from 192.0.2.2']);
    scene.clock.run(timeoutMs);
    expect(scene.outcomes.get('probe')).toEqual(['accessAccept from 192.0.2.2']);
    expect(scene.asked(first).filter((name) => name !== 'before')).toEqual(['probe']);
    scene.ask('later');
    scene.clock.run(10);
    expect(scene.outcomes.get('later')).toEqual(['accessAccept from 192.0.2.2']);
  });

  it('lives again when it answers the probe', () => {
    const scene = dead();
    scene.servers.set(first, welcoming);
    scene.clock.run(deadTimeMs);
    scene.client.cancel(scene.ask('probe that is cancelled'));
    scene.ask('probe');
    scene.clock.run(10);
    scene.ask('a');
    scene.clock.run(10);
    for (const name of ['probe', 'a']) expect(scene.outcomes.get(name)).toEqual(['accessAccept from 192.0.2.1']);
    expect(scene.view(first)?.alive).toBe(true);
  });

  it('is asked all the same when there is no other', () => {
    const scene = new Scene([[first, silent]]);
    scene.ask('a');
    scene.ask('b');
    scene.clock.run(3 * timeoutMs + 10);
    scene.servers.set(first, welcoming);
    scene.ask('c');
    scene.clock.run();
    expect(scene.outcomes.get('b')).toEqual(['no RADIUS server answers: 192.0.2.1']);
    expect(scene.outcomes.get('c')).toEqual(['accessAccept from 192.0.2.1']);
    expect(scene.view(first)?.alive).toBe(true);
  });

  it('is not one that answers others', () => {
    const fussy: Behaviour = {
      ...welcoming,
      answer: (request) => (request.attributes.userName === 'ignored' ? undefined : welcoming.answer(request)),
    };
    const scene = new Scene([
      [first, fussy],
      [second, welcoming],
    ]);
    scene.ask('ignored');
    scene.clock.run(timeoutMs);
    scene.ask('taken');
    scene.clock.run();
    expect(scene.outcomes.get('ignored')).toEqual(['accessAccept from 192.0.2.2']);
    expect(scene.view(first)).toMatchObject({ alive: true, timeouts: 1 });
  });
});

describe('other servers', () => {
  it('get the questions of those that are gone, and those that stay keep theirs', () => {
    const scene = new Scene([
      [first, silent],
      [second, welcoming],
    ]);
    scene.ask('a');
    scene.client.configure([{ ...second, timeoutMs: 5 }, third], deadTimeMs);
    scene.servers.set(third, welcoming);
    scene.clock.run(10);
    expect(scene.outcomes.get('a')).toEqual(['accessAccept from 192.0.2.2']);
    expect(scene.view(first)).toBeUndefined();
    const counted = scene.view(second);
    scene.client.configure([second], deadTimeMs);
    expect(scene.view(second)).toEqual(counted);
    scene.client.configure([{ ...second, secret: new Secret('another') }], deadTimeMs);
    expect(scene.view(second)?.requests).toBe(0);
  });
});

describe('what is no answer', () => {
  it('is dropped and counted, and the answer still taken', () => {
    const forging: Behaviour = {
      ...welcoming,
      forge(answer, request) {
        const [flipped, other, short] = [answer.slice(), answer.slice(), answer.subarray(0, 10)];
        flipped[flipped.length - 1] ^= 1;
        other[1] ^= 1;
        return [flipped, other, short, request];
      },
    };
    const scene = new Scene([[first, forging]]);
    scene.ask('a');
    scene.clock.run(1);
    scene.servers.channels[0].events.strange('198.51.100.1');
    scene.clock.run();
    expect(scene.outcomes.get('a')).toEqual(['accessAccept from 192.0.2.1']);
    expect(scene.view(first)).toMatchObject({ accepts: 1, drops: 5 });
  });

  it('is not taken for silence where it comes from who knows the secret', () => {
    const confused: Behaviour = {
      ...welcoming,
      answer: (request) =>
        request.attributes.userName === 'a'
          ? { type: 'accessAccept', attributes: { framedIpv6Prefix: [{ address: 0n, length: 129 }] } }
          : welcoming.answer(request),
    };
    const scene = new Scene([
      [first, confused],
      [second, welcoming],
    ]);
    scene.ask('a');
    scene.clock.run();
    expect(scene.outcomes.get('a')).toEqual([
      'the answer of 192.0.2.1 cannot be read: the value of framedIpv6Prefix is malformed',
    ]);
    expect(scene.view(first)).toMatchObject({ alive: true, requests: 1, timeouts: 0, drops: 1 });
    scene.ask('b');
    scene.clock.run();
    expect(scene.outcomes.get('b')).toEqual(['accessAccept from 192.0.2.1']);
  });

  it('includes an answer to something else', () => {
    const confused: Behaviour = { ...welcoming, answer: () => ({ type: 'accountingResponse', attributes: {} }) };
    const scene = new Scene([[first, confused]]);
    scene.ask('a');
    scene.clock.run();
    expect(scene.outcomes.get('a')).toEqual(['no RADIUS server answers: 192.0.2.1']);
    expect(scene.view(first)).toMatchObject({
      drops: 3,
      lastError: 'no answer',
    });
  });
});

/** A small generator of repeatable chance (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('whatever is lost, late, doubled or forged', () => {
  forSeeds('each question is answered once, and nothing is left over', 160, (seed) => {
    const random = chance(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const specs = [first, second, third].slice(0, 1 + below(3));
    const network = (): Behaviour => {
      const loss = random() ** 2;
      const slowMs = below(4_000);
      const answers = random() < 0.8;
      return {
        delays: () => Array.from({ length: random() < loss ? 0 : 1 + below(2) }, () => below(slowMs + 1)),
        answer: (request) => (answers ? welcoming.answer(request) : undefined),
        forge: (answer) => {
          const forged = answer.slice();
          forged[below(forged.length)] ^= 1 << below(8);
          return [forged];
        },
      };
    };
    const scene = new Scene(specs.map((spec) => [spec, network()]));
    const cancelled = new Set<string>();
    const asked = 1 + below(600);
    for (let i = 0; i < asked; i++) {
      const question = scene.ask(`${i}`);
      if (random() < 0.1) {
        scene.clock.setTimer(below(3_000), () => {
          if (question.ended) return;
          cancelled.add(`${i}`);
          scene.client.cancel(question);
        });
      }
      if (random() < 0.2) scene.clock.run(below(500));
      if (random() < 0.01) scene.servers.set(specs[below(specs.length)], network());
      if (random() < 0.005) scene.client.configure(specs.slice(below(specs.length)), below(5_000));
    }
    scene.clock.run();
    for (const [name, words] of scene.outcomes) {
      expect(words.length, `${name}: ${words}`).toBe(cancelled.has(name) ? 0 : 1);
    }
    expect(scene.client.openQuestions).toBe(0);
    expect(scene.clock.pending).toBe(0);
  });
});
