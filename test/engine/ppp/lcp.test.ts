import { describe, expect, it } from 'vitest';
import { State } from '../../../src/engine/ppp/automaton.ts';
import { Layer } from '../../../src/engine/ppp/control-protocol.ts';
import type { PppEffect } from '../../../src/engine/ppp/events.ts';
import { Lcp } from '../../../src/engine/ppp/lcp.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { packet, seededRandom } from './pair.ts';
import { clientSpec, serverSpec } from './specs.ts';

/** What a packet of ours says: code and data. */
interface Said {
  code: number;
  identifier: number;
  data: number[];
}

class Bench {
  readonly lcp: Lcp;
  now = 0;
  signals = 0;
  said: Said[] = [];

  constructor(spec: PppSpec) {
    this.lcp = new Lcp(spec, seededRandom(7));
    this.take((out) => this.lcp.start(0, out));
  }

  private take(act: (out: PppEffect[]) => number): Said[] {
    const out: PppEffect[] = [];
    this.signals = act(out);
    const said = out.flatMap((effect) => (effect.effect === 'frame' ? [read(effect.frame)] : []));
    this.said.push(...said);
    return said;
  }

  /** The peer says something; returns what we say to it. */
  hear(code: number, identifier: number, data: readonly number[] = []): Said[] {
    const frame = packet(0xc021, code, identifier, data);
    return this.take((out) => this.lcp.receive(frame, 4, frame.length, this.now, out));
  }

  tick(): Said[] {
    this.now = this.lcp.timerAt;
    return this.take((out) => this.lcp.tick(this.now, out));
  }

  get request(): Said {
    const request = this.said.filter(({ code }) => code === 1).at(-1);
    if (request === undefined) throw new Error('no request yet');
    return request;
  }

  /** The peer agrees to our last request. */
  agree(): void {
    this.hear(2, this.request.identifier, this.request.data);
  }

  openFully(): this {
    this.agree();
    this.hear(1, 1);
    if (this.lcp.state !== State.opened) throw new Error('did not open');
    return this;
  }
}

function read(frame: Uint8Array): Said {
  return { code: frame[4], identifier: frame[5], data: [...frame.slice(8)] };
}

const PLAIN = { magicNumber: false, acfc: false, pfc: false };

describe('our request', () => {
  it('lists what differs from the defaults, in order', () => {
    const { request } = new Bench(serverSpec({ mru: 1460 }));
    expect(request.data.slice(0, 11)).toEqual([1, 4, 1460 >> 8, 1460 & 255, 3, 5, 0xc2, 0x23, 0x81, 5, 6]);
    expect(request.data.slice(15)).toEqual([7, 2, 8, 2]);
    expect(new Bench(clientSpec(PLAIN)).request.data).toEqual([]);
  });

  it('keeps its identifier when repeated, and changes it after an answer', () => {
    const bench = new Bench(clientSpec());
    const first = bench.request;
    bench.tick();
    expect(bench.request).toEqual(first);
    bench.hear(4, first.identifier, [8, 2]);
    expect(bench.request.identifier).not.toBe(first.identifier);
    expect(bench.request.data).toEqual(first.data.slice(0, -2));
  });

  it('heeds no answer with a wrong identifier, wrong options or half an option', () => {
    const bench = new Bench(clientSpec());
    const { identifier, data } = bench.request;
    const answers: [number, number, number[]][] = [
      [2, identifier + 1, data],
      [2, identifier, data.slice(0, -2)],
      [2, identifier, [...data, 7, 2]],
      [3, identifier + 1, [1, 4, 5, 0]],
      [3, identifier, [1, 4, 5]],
      [4, identifier, [1, 4, 5, 220]],
      [4, identifier, [7, 2, 13, 3, 6]],
    ];
    for (const [code, id, options] of answers) expect(bench.hear(code, id, options)).toEqual([]);
    expect(bench.lcp.state).toBe(State.reqSent);
    bench.agree();
    expect(bench.lcp.state).toBe(State.ackRcvd);
  });

  it('takes a lower MRU, even unasked, but none that is too small', () => {
    const bench = new Bench(clientSpec(PLAIN));
    bench.hear(3, bench.request.identifier, [1, 4, 0, 64]);
    expect(bench.request.data).toEqual([]);
    bench.hear(3, bench.request.identifier, [1, 4, 1400 >> 8, 1400 & 255]);
    expect(bench.request.data).toEqual([1, 4, 1400 >> 8, 1400 & 255]);
  });

  it('takes a higher MRU of a peer that refuses a lower one', () => {
    const bench = new Bench(clientSpec({ ...PLAIN, mru: 1400 }));
    bench.hear(3, bench.request.identifier, [1, 4, 1500 >> 8, 1500 & 255]);
    expect(bench.request.data).toEqual([]);
  });

  it('has another magic number after a Nak', () => {
    const bench = new Bench(clientSpec({ ...PLAIN, magicNumber: true }));
    const first = bench.request;
    bench.hear(3, first.identifier, [5, 6, 1, 2, 3, 4]);
    expect(bench.request.data.slice(0, 2)).toEqual([5, 6]);
    expect(bench.request.data).not.toEqual(first.data);
  });

  it('goes down the list of methods', () => {
    const bench = new Bench(serverSpec(PLAIN));
    const eap = [3, 4, 0xc2, 0x27];
    bench.hear(3, bench.request.identifier, eap);
    expect(bench.request.data).toEqual([3, 5, 0xc2, 0x23, 5]);
    bench.hear(3, bench.request.identifier, eap);
    expect(bench.request.data).toEqual([3, 4, 0xc0, 0x23]);
    expect(bench.hear(3, bench.request.identifier, eap)[0].code).toBe(5);
    expect(bench.lcp.failure?.reason).toBe('the peer refused PAP, offered EAP, which PppProfile/default forbids');
  });

  it('ends after 10 without an answer', () => {
    const bench = new Bench(clientSpec());
    for (let i = 0; i < 10; i++) bench.tick();
    expect(bench.said.length).toBe(10);
    expect(bench.signals).toBe(Layer.finished);
    expect(bench.lcp.state).toBe(State.stopped);
    expect(bench.lcp.timerAt).toBe(0);
  });

  it('ends when the peer never has enough', () => {
    const bench = new Bench(clientSpec());
    let rounds = 0;
    while (bench.lcp.state === State.reqSent) {
      bench.hear(3, bench.request.identifier, [5, 6, 0, 0, 0, rounds++]);
      expect(rounds).toBeLessThan(30);
    }
    expect(bench.lcp.state).toBe(State.closing);
    expect(bench.lcp.failure?.reason).toBe('LCP negotiation does not converge');
  });
});

describe("the peer's request", () => {
  const answer = (options: readonly number[], spec = clientSpec()): Said => new Bench(spec).hear(1, 42, options)[0];

  it('is acknowledged as it stands', () => {
    const options = [8, 2, 2, 6, 0, 0, 0, 0, 1, 4, 5, 120, 5, 6, 9, 9, 9, 9, 7, 2, 3, 4, 0xc0, 0x23];
    expect(answer(options)).toEqual({ code: 2, identifier: 42, data: options });
  });

  it('is rejected as to what we do not know', () => {
    const known = [1, 4, 5, 120];
    const unknown = [13, 3, 6, 17, 4, 5, 220, 4, 4, 0xc0, 0x25];
    expect(answer([...known, ...unknown, 5, 6, 0, 0, 0, 0])).toEqual({ code: 4, identifier: 42, data: unknown });
  });

  it.each([
    ['FCS-Alternatives', [9, 3, 2]],
    ['Self-Describing-Padding', [10, 3, 8]],
    ['Callback', [13, 3, 0]],
    ['Compound-Frames', [15, 2]],
  ])("is rejected as to RFC 1570's %s, and then goes on without it", (_name, option) => {
    const bench = new Bench(clientSpec());
    const magic = [5, 6, 9, 9, 9, 9];
    expect(bench.hear(1, 1, [...option, ...magic])).toEqual([{ code: 4, identifier: 1, data: option }]);
    expect(bench.hear(1, 2, magic)).toEqual([{ code: 2, identifier: 2, data: magic }]);
  });

  it.each([
    ['pap', [3, 4, 0xc0, 0x23]],
    ['chap', [3, 5, 0xc2, 0x23, 0x05]],
    ['mschapv1', [3, 5, 0xc2, 0x23, 0x80]],
    ['mschapv2', [3, 5, 0xc2, 0x23, 0x81]],
    ['eap', [3, 4, 0xc2, 0x27]],
  ] as const)('for %s is what we ask for it ourselves', (method, option) => {
    const ours = new Bench(serverSpec({ ...PLAIN, authMethods: [method] })).request.data;
    expect(ours.slice(0, option.length)).toEqual(option);
    const bench = new Bench(clientSpec({ authMethods: [method] }));
    expect(bench.hear(1, 1, option)[0].code).toBe(2);
    expect(bench.lcp.loginMethod).toBe(method);
    // An octet more or less is another protocol.
    expect(bench.hear(1, 2, [3, option[1] + 1, ...option.slice(2), 0])[0].code).toBe(3);
  });

  it('is rejected as to options that stand twice', () => {
    expect(answer([3, 4, 0xc0, 0x23, 3, 5, 0xc2, 0x23, 5]).data).toEqual([3, 5, 0xc2, 0x23, 5]);
  });

  it('is rejected as to compression that the profile forbids', () => {
    expect(answer([7, 2, 8, 2], clientSpec(PLAIN))).toMatchObject({ code: 4, data: [7, 2, 8, 2] });
    expect(answer([7, 3, 0])).toMatchObject({ code: 4, data: [7, 3, 0] });
  });

  it('gets other values for bad ones', () => {
    expect(answer([1, 4, 0, 100])).toMatchObject({ code: 3, data: [1, 4, 1500 >> 8, 1500 & 255] });
    expect(answer([1, 3, 5])).toMatchObject({ code: 3, data: [1, 4, 1500 >> 8, 1500 & 255] });
    expect(answer([2, 2])).toMatchObject({ code: 3, data: [2, 6, 0, 0, 0, 0] });
    expect(answer([5, 6, 0, 0, 0, 0])).toMatchObject({ code: 3 });
    expect(answer([3, 5, 0xc2, 0x23, 0x06])).toMatchObject({ code: 3, data: [3, 5, 0xc2, 0x23, 0x81] });
    expect(answer([3, 4, 0xc2, 0x27], clientSpec({ authMethods: ['pap'] })).data).toEqual([3, 4, 0xc0, 0x23]);
  });

  it('is told of no authentication without a password', () => {
    const options = [3, 4, 0xc0, 0x23];
    expect(answer(options, serverSpec())).toMatchObject({ code: 4, data: options });
  });

  it('is rejected after too many Naks, and the link given up after twice as many', () => {
    const lcp = { maxConfigRequests: 10, maxConfigNaks: 3, maxTerminateRequests: 2, retransmitMs: 3000 };
    const bench = new Bench(clientSpec({ lcp, authMethods: ['mschapv2', 'pap'] }));
    const codes: number[] = [];
    for (let i = 0; i < 8; i++) codes.push(...bench.hear(1, i, [3, 4, 0xc2, 0x27]).map(({ code }) => code));
    expect(codes).toEqual([3, 3, 3, 4, 4, 4, 4, 4, 5]);
    expect(bench.lcp.failure?.reason).toBe('the peer wants EAP, which PppProfile/default forbids');
  });

  it('counts as it was said last', () => {
    const bench = new Bench(clientSpec());
    bench.hear(1, 1, [1, 4, 0, 200, 7, 2, 8, 2, 3, 4, 0xc0, 0x23]);
    expect(bench.lcp).toMatchObject({ peerMru: 200, peerPfc: true, peerAcfc: true, loginMethod: 'pap' });
    bench.hear(1, 2);
    expect(bench.lcp).toMatchObject({ peerMru: 1500, peerPfc: false, peerAcfc: false, loginMethod: undefined });
  });

  it('is dropped when its options are not whole', () => {
    const bench = new Bench(clientSpec());
    for (const options of [[1], [1, 4, 5], [1, 1, 0], [7, 2, 0]]) expect(bench.hear(1, 1, options)).toEqual([]);
  });
});

describe('a looped back link', () => {
  it('is seen by our own magic number', () => {
    const bench = new Bench(clientSpec());
    let next = 0;
    for (let i = 0; i < 40 && bench.lcp.state < State.opened && bench.lcp.state > State.stopping; i++) {
      const { code, identifier, data } = bench.said[next++];
      bench.hear(code, identifier, data);
    }
    expect(bench.lcp.failure?.reason).toBe('the link is looped back');
  });
});

describe('an open link', () => {
  it('answers echoes with its own magic number and the same data', () => {
    const bench = new Bench(clientSpec()).openFully();
    const magic = bench.said[0].data.slice(2, 6);
    expect(bench.hear(9, 3, [1, 2, 3, 4, 7, 8, 9])).toEqual([{ code: 10, identifier: 3, data: [...magic, 7, 8, 9] }]);
    expect(bench.hear(9, 3, magic)).toEqual([]);
    expect(bench.hear(9, 3, [1, 2, 3])).toEqual([]);
  });

  it('has no magic number when the peer rejected it', () => {
    const bench = new Bench(clientSpec({ ...PLAIN, magicNumber: true }));
    bench.hear(4, bench.request.identifier, bench.request.data);
    bench.openFully();
    expect(bench.hear(9, 3, [1, 2, 3, 4])).toEqual([{ code: 10, identifier: 3, data: [0, 0, 0, 0] }]);
  });

  it('cuts echoes at the MRU of the peer', () => {
    const bench = new Bench(clientSpec());
    bench.agree();
    bench.hear(1, 1, [1, 4, 0, 200]);
    expect(bench.hear(9, 3, new Array(1000).fill(7))[0].data.length).toBe(196);
  });

  it('answers neither echoes nor Protocol-Rejects before it is open', () => {
    for (const code of [8, 9]) expect(new Bench(clientSpec()).hear(code, 3, [0x80, 0x21, 3, 4])).toEqual([]);
  });

  it('overlooks Discard-Request, Identification and Time-Remaining', () => {
    const bench = new Bench(clientSpec()).openFully();
    for (const code of [11, 12, 13]) expect(bench.hear(code, 1, [0, 0, 0, 0, 65, 66])).toEqual([]);
    expect(bench.lcp.state).toBe(State.opened);
  });

  it('rejects unknown codes, as much of them as fits', () => {
    const bench = new Bench(clientSpec()).openFully();
    expect(bench.hear(99, 5, [1, 2])).toMatchObject([{ code: 7, data: [99, 5, 0, 6, 1, 2] }]);
    expect(bench.hear(99, 5, new Array(500).fill(1))[0].data.length).toBe(112);
  });

  it('asks for echoes no more when the peer does not know them', () => {
    const bench = new Bench(clientSpec({ echoIntervalMs: 1000 })).openFully();
    bench.lcp.startEchoes(0);
    expect(bench.tick()).toMatchObject([{ code: 9 }]);
    expect(bench.lcp.timerAt).toBe(2000);
    bench.hear(7, 1, [9, 1, 0, 8, 0, 0, 0, 0]);
    expect(bench.lcp.timerAt).toBe(0);
    expect(bench.lcp.state).toBe(State.opened);
  });

  it('counts unanswered echoes anew when it opens anew, and after each answer', () => {
    const bench = new Bench(clientSpec({ echoIntervalMs: 1000, echoFailures: 2 })).openFully();
    for (const renewed of [() => bench.lcp.startEchoes(bench.now), () => bench.hear(10, 1, [0, 0, 0, 0])]) {
      bench.lcp.startEchoes(bench.now);
      expect([bench.tick(), bench.tick()].flat().map(({ code }) => code)).toEqual([9, 9]);
      renewed();
    }
    expect([bench.tick(), bench.tick(), bench.tick()].flat().map(({ code }) => code)).toEqual([9, 9, 5]);
  });

  it('keeps its echo timer through other packets', () => {
    const bench = new Bench(clientSpec({ echoIntervalMs: 1000 })).openFully();
    bench.lcp.startEchoes(0);
    for (const code of [9, 10, 11, 12, 99, 2]) bench.hear(code, 1, [1, 2, 3, 4]);
    expect(bench.lcp.timerAt).toBe(1000);
  });

  it('ends when the peer does not know its basic codes', () => {
    const bench = new Bench(clientSpec()).openFully();
    expect(bench.hear(7, 1, [1, 1, 0, 4])).toMatchObject([{ code: 5 }]);
    expect(bench.lcp.failure?.reason).toBe('the peer does not understand LCP');
  });

  it('says why the peer ended it', () => {
    const bench = new Bench(clientSpec()).openFully();
    expect(bench.hear(5, 9, [...Buffer.from('\u001b[1mGood bye\n')])).toEqual([{ code: 6, identifier: 9, data: [] }]);
    expect(bench.signals).toBe(Layer.down);
    expect(bench.lcp.failure?.reason).toBe('the peer terminated LCP: [1mGood bye');
    bench.tick();
    expect(bench.signals).toBe(Layer.finished);
  });
});
