/** RFC 3437: what a LAC wants and allows of LCP on its line, and what the LNS tells it. */
import { describe, expect, it } from 'vitest';
import { type LineWishes, lineOptions } from '../../../src/engine/ppp/lcp-options.ts';
import { type PppEffect, PppLink } from '../../../src/engine/ppp/link.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { packet, seededRandom } from './pair.ts';
import { ADDRESSES, serverSpec } from './specs.ts';

const PLAIN = { authenticatePeer: false, magicNumber: false } as const;
const ACCM = 2;
const PFC = 7;
const ACFC = 8;
const FCS = 9;

/** An LNS whose client we are. */
class Bench {
  readonly link: PppLink;
  readonly effects: PppEffect[];

  constructor(wishes: LineWishes | undefined, spec: Partial<PppSpec> = {}) {
    const server = serverSpec({ ...PLAIN, ...spec });
    this.link = new PppLink(server, seededRandom(1), ADDRESSES.server, undefined, wishes);
    this.effects = this.link.handle({ event: 'open' }, 0);
  }

  /** Code and data of the answer. */
  say(code: number, id: number, data: readonly number[]): number[] {
    const bytes = packet(0xc021, code, id, data);
    const effects = this.link.handle({ event: 'frame', bytes, start: 0, end: bytes.length }, 0);
    this.effects.push(...effects);
    const frame = effects.find((effect) => effect.effect === 'frame');
    return frame === undefined ? [] : [frame.frame[4], ...frame.frame.slice(8)];
  }

  private get requestFrame(): Uint8Array {
    const frames = this.effects.flatMap((effect) => (effect.effect === 'frame' ? [effect.frame] : []));
    return frames.findLast((frame) => frame[3] === 0x21 && frame[4] === 1) ?? new Uint8Array(8);
  }

  get request(): number[] {
    return [...this.requestFrame.slice(8)];
  }

  answer(code: number, data: readonly number[] = this.request): void {
    this.say(code, this.requestFrame[5], data);
  }
}

describe('a LAC tells', () => {
  it('the MRU and the compression that it can do', () => {
    expect([...lineOptions(serverSpec({ mru: 1492, acfc: false, pfc: false }))]).toEqual([1, 4, 5, 212]);
    expect([...lineOptions(serverSpec())]).toEqual([1, 4, 5, 220, PFC, 2, ACFC, 2]);
  });
});

describe('an LNS begins', () => {
  it('with what the LAC wants', () => {
    const want = Uint8Array.of(1, 4, 5, 0, ACCM, 6, 0, 10, 0, 0, ACFC, 2, FCS, 3, 4);
    expect(new Bench({ want }).request).toEqual([1, 4, 5, 0, ACCM, 6, 0, 10, 0, 0, ACFC, 2, FCS, 3, 4]);
  });

  it('with a smaller MRU of its own, and without compression that it does not do', () => {
    const want = Uint8Array.of(1, 4, 5, 220, PFC, 2, ACFC, 2);
    expect(new Bench({ want }, { mru: 1400, pfc: false }).request).toEqual([1, 4, 5, 120, ACFC, 2]);
    expect(new Bench({ want: Uint8Array.of(1, 4, 0, 1) }).request.slice(0, 4)).toEqual([1, 4, 0, 128]);
  });

  it.each([
    ['no wish', undefined],
    ['nothing', {}],
    ['garbage', { want: Uint8Array.of(1, 9, 5, 0), allow: Uint8Array.of(1) }],
  ])('as always with %s', (_what, wishes) => {
    const bench = new Bench(wishes);
    expect(bench.request).toEqual([PFC, 2, ACFC, 2]);
    expect(bench.say(1, 1, [ACCM, 6, 0, 0, 0, 0, PFC, 2])).toEqual([2, ACCM, 6, 0, 0, 0, 0, PFC, 2]);
  });

  it('and adds the bits that the client wants escaped, or leaves out what it rejects', () => {
    const bench = new Bench({ want: Uint8Array.of(ACCM, 6, 0, 10, 0, 0, FCS, 3, 4) });
    bench.answer(3, [ACCM, 6, 0, 0, 0, 3]);
    expect(bench.request).toEqual([ACCM, 6, 0, 10, 0, 3, FCS, 3, 4]);
    bench.answer(4, [FCS, 3, 4]);
    expect(bench.request).toEqual([ACCM, 6, 0, 10, 0, 3]);
    bench.answer(4, [ACCM, 6, 0, 10, 0, 3]);
    expect(bench.request).toEqual([]);
  });
});

describe('an LNS allows the client', () => {
  const allow = Uint8Array.of(1, 4, 5, 0, ACCM, 6, 0, 10, 0, 0, FCS, 3, 2, FCS, 3, 4);

  it.each([
    ['an MRU', [1, 4, 5, 0], [2, 1, 4, 5, 0]],
    ['no larger one', [1, 4, 5, 1], [3, 1, 4, 5, 0]],
    ['an ACCM', [ACCM, 6, 0, 2, 0, 0], [2, ACCM, 6, 0, 2, 0, 0]],
    ['no more of one', [ACCM, 6, 0, 1, 0, 0], [3, ACCM, 6, 0, 10, 0, 0]],
    ['one FCS', [FCS, 3, 2], [2, FCS, 3, 2]],
    ['or the other', [FCS, 3, 4], [2, FCS, 3, 4]],
    ['but none besides', [FCS, 3, 6], [4, FCS, 3, 6]],
    ['no PFC and no ACFC', [PFC, 2, ACFC, 2], [4, PFC, 2, ACFC, 2]],
    ['magic numbers', [5, 6, 1, 2, 3, 4], [2, 5, 6, 1, 2, 3, 4]],
  ])('%s', (_what, request, answer) => {
    expect(new Bench({ allow }).say(1, 1, request)).toEqual(answer);
  });

  it('no ACCM on a line that has none, and PFC where it may', () => {
    const bench = new Bench({ allow: Uint8Array.of(PFC, 2) });
    expect(bench.say(1, 1, [ACCM, 6, 0, 0, 0, 0])).toEqual([4, ACCM, 6, 0, 0, 0, 0]);
    expect(bench.say(1, 2, [PFC, 2])).toEqual([2, PFC, 2]);
    expect(bench.say(1, 3, [1, 4, 9, 0])).toEqual([2, 1, 4, 9, 0]);
  });
});

describe('an LNS tells', () => {
  it('what LCP has agreed on, each time', () => {
    const want = Uint8Array.of(ACCM, 6, 0, 10, 0, 0);
    const bench = new Bench({ want });
    bench.say(1, 1, [FCS, 3, 2]);
    bench.say(1, 2, [ACCM, 6, 0, 0, 0, 1]);
    bench.answer(2);
    const told = {
      effect: 'lcp',
      lastSent: want,
      lastReceived: Uint8Array.of(ACCM, 6, 0, 0, 0, 1),
      accm: { send: 1, receive: 0x000a0000 },
    };
    expect(bench.effects.filter(({ effect }) => effect === 'lcp')).toEqual([told]);
    bench.say(1, 3, []);
    bench.answer(4, [ACCM, 6, 0, 10, 0, 0]);
    bench.answer(2);
    expect(bench.effects.filter(({ effect }) => effect === 'lcp').slice(1)).toEqual([
      {
        effect: 'lcp',
        lastSent: new Uint8Array(),
        lastReceived: new Uint8Array(),
        accm: { send: 0xffffffff, receive: 0xffffffff },
      },
    ]);
  });

  it('nothing to a LAC without wishes', () => {
    const bench = new Bench(undefined);
    bench.say(1, 1, []);
    bench.answer(2);
    expect(bench.link.view().phase).toBe('network');
    expect(bench.effects.map(({ effect }) => effect)).not.toContain('lcp');
  });
});
