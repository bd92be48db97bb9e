/** A LAC's end of a client's PPP: what it captures (RFC 2661 4.4.5), and what it refuses. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type IngressEffect, PppIngress } from '../../../src/engine/ppp/ingress.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { packet, seededRandom } from './pair.ts';
import { clientSpec, serverSpec } from './specs.ts';
import { Switched } from './switched.ts';

const LCP = 0xc021;
const PAP = 0xc023;
const CHAP = 0xc223;
const text = (words: string): number[] => [...new TextEncoder().encode(words)];

/** A client by hand. */
class Script {
  readonly ingress: PppIngress;
  now = 0;
  effects: IngressEffect[];

  constructor(spec: Partial<PppSpec>) {
    this.ingress = new PppIngress(
      serverSpec({ magicNumber: false, acfc: false, pfc: false, ...spec }),
      seededRandom(3),
    );
    this.effects = this.ingress.handle({ event: 'open' }, 0);
  }

  say(protocol: number, code: number, id: number, data: readonly number[] = []): number[][] {
    const bytes = packet(protocol, code, id, data);
    const effects = this.ingress.handle({ event: 'frame', bytes, start: 0, end: bytes.length }, this.now);
    this.effects.push(...effects);
    bytes.fill(0x55);
    return frames(effects);
  }

  /** Agrees to our last request. */
  agree(): number[][] {
    const request = frames(this.effects).findLast(([, , , protocol, code]) => protocol === 0x21 && code === 1) ?? [];
    return this.say(LCP, 2, request[5], request.slice(8));
  }

  wait(): void {
    while (this.ingress.deadline() !== undefined) {
      this.now = this.ingress.deadline() ?? 0;
      this.effects.push(...this.ingress.handle({ event: 'tick' }, this.now));
    }
  }

  get last(): IngressEffect | undefined {
    return this.effects.at(-1);
  }
}

function frames(effects: readonly IngressEffect[]): number[][] {
  return effects.flatMap((effect) => (effect.effect === 'frame' ? [[...effect.frame]] : []));
}

describe('a LAC records', () => {
  it('the first request of the client, and the last ones of both', () => {
    const script = new Script({ authMethods: ['chap', 'pap'] });
    script.say(LCP, 1, 1, [17, 4, 5, 220, 1, 4, 5, 0]);
    script.say(LCP, 1, 2, [1, 4, 5, 0]);
    // The client would rather have PAP.
    const [request] = script.say(LCP, 3, frames(script.effects)[0][5], [3, 4, 0xc0, 0x23]);
    expect(request.slice(8)).toEqual([3, 4, 0xc0, 0x23]);
    expect(script.agree()).toEqual([]);
    expect(script.say(PAP, 1, 9, [3, ...text('bob'), 7, ...text('hunter2')])).toEqual([]);
    expect(script.last).toMatchObject({
      effect: 'captured',
      user: 'bob',
      proxy: {
        initialReceivedLcpConfReq: Uint8Array.of(17, 4, 5, 220, 1, 4, 5, 0),
        lastSentLcpConfReq: Uint8Array.of(3, 4, 0xc0, 0x23),
        lastReceivedLcpConfReq: Uint8Array.of(1, 4, 5, 0),
        proxyAuthenType: 3,
        proxyAuthenName: 'bob',
        proxyAuthenId: 9,
      },
    });
    expect(JSON.stringify(script.effects)).not.toContain('hunter2');
  });

  it('a CHAP challenge and its response, whatever it is worth', () => {
    const script = new Script({ authMethods: ['mschapv2', 'chap'] });
    script.say(LCP, 1, 1);
    const [challenge] = script.agree();
    const [id, octets] = [challenge[5], challenge[8]];
    const value = Uint8Array.from(challenge.slice(9, 9 + octets));
    // Not an answer to this challenge, and one of another kind.
    script.say(CHAP, 2, id + 1, [16, ...new Uint8Array(16), ...text('eve')]);
    script.say(CHAP, 2, id, [49, ...new Uint8Array(49), ...text('eve')]);
    script.say(PAP, 1, 1, [3, ...text('eve'), 0]);
    const digest = createHash('md5').update('anything').digest();
    expect(script.say(CHAP, 2, id, [16, ...digest, ...text('bob@isp')])).toEqual([]);
    const captured = script.last;
    expect(captured).toMatchObject({
      effect: 'captured',
      user: 'bob@isp',
      proxy: { proxyAuthenType: 2, proxyAuthenName: 'bob@isp', proxyAuthenId: id, proxyAuthenChallenge: value },
    });
    expect(script.effects.filter(({ effect }) => effect === 'captured').length).toBe(1);
    expect(script.ingress.deadline()).toBeUndefined();
    expect(script.say(CHAP, 2, id, [16, ...digest, ...text('bob@isp')])).toEqual([]);
  });

  it('no more of a request than an AVP can hold', () => {
    const script = new Script({ authenticatePeer: false, authMethods: [] });
    script.say(LCP, 1, 1, Array.from({ length: 600 }, () => [200, 2]).flat());
    script.say(LCP, 1, 2);
    script.agree();
    expect(script.last).toMatchObject({
      effect: 'captured',
      proxy: { initialReceivedLcpConfReq: undefined, lastReceivedLcpConfReq: new Uint8Array(), proxyAuthenType: 4 },
    });
  });

  it('that a client authenticates itself by nothing, where it need not', () => {
    const refusals: [number, number[]][] = [
      [3, [3, 4, 0xc2, 0x27]],
      [4, [3, 4, 0xc0, 0x23]],
    ];
    for (const [code, data] of refusals) {
      const script = new Script({ authenticatePeer: false, authMethods: ['pap'] });
      script.say(LCP, 1, 1);
      script.say(LCP, code, frames(script.effects)[0][5], data);
      script.agree();
      expect(script.last).toMatchObject({
        effect: 'captured',
        user: undefined,
        proxy: { proxyAuthenType: 4, lastSentLcpConfReq: new Uint8Array() },
      });
    }
  });
});

describe('a LAC', () => {
  it('answers echoes, and challenges as long as the profile says', () => {
    const script = new Script({ authMethods: ['chap'], chapMaxChallenge: 3 });
    script.say(LCP, 1, 1);
    script.agree();
    expect(script.ingress.view()).toMatchObject({ phase: 'authenticate', auth: 'chap' });
    expect(script.say(LCP, 9, 5, [0, 0, 0, 0, 1])[0].slice(4, 6)).toEqual([10, 5]);
    script.wait();
    expect(frames(script.effects).filter(([, , high, low]) => (high << 8) + low === CHAP).length).toBe(3);
    expect(script.last).toMatchObject({
      effect: 'down',
      reason: 'the peer does not answer CHAP challenges',
      failed: true,
      cause: { code: 13, protocol: CHAP, direction: 0 },
    });
  });

  it('begins anew when the client does', () => {
    const script = new Script({ authMethods: ['pap'] });
    script.say(LCP, 1, 1);
    script.agree();
    script.say(LCP, 1, 2, [1, 4, 5, 0]);
    expect(script.ingress.view().phase).toBe('establish');
    script.say(PAP, 1, 9, [3, ...text('bob'), 0]);
    expect(script.last?.effect).toBe('frame');
    script.agree();
    script.say(PAP, 1, 9, [3, ...text('bob'), 0]);
    expect(script.last).toMatchObject({
      effect: 'captured',
      proxy: { initialReceivedLcpConfReq: new Uint8Array(), lastReceivedLcpConfReq: Uint8Array.of(1, 4, 5, 0) },
    });
  });

  it('refuses a client that authenticates itself by nothing, where it must', () => {
    const script = new Script({ authMethods: ['pap'] });
    script.say(LCP, 1, 1);
    script.say(LCP, 4, frames(script.effects)[0][5], [3, 4, 0xc0, 0x23]);
    script.wait();
    expect(script.last).toMatchObject({
      effect: 'down',
      reason: 'the peer refuses to authenticate itself, which PppProfile/default demands',
      failed: true,
      cause: { code: 15, protocol: PAP, direction: 1 },
    });
  });

  it('refuses everybody where only what nobody can hand over would do', () => {
    const script = new Script({ authMethods: ['eap', 'mschapv2', 'mschapv1'] });
    const reason =
      'the client must authenticate itself, but PppProfile/default allows neither PAP nor CHAP, which alone can be handed over';
    expect(script.effects).toMatchObject([{ effect: 'down', failed: true, reason }]);
  });

  it('does not authenticate itself to a client', () => {
    const script = new Script({ authMethods: ['pap'], userName: 'lac', password: clientSpec().password });
    expect(script.say(LCP, 1, 1, [3, 4, 0xc0, 0x23])[0].slice(4, 6)).toEqual([4, 1]);
  });

  it('is done when the client hangs up, when it rejects what we speak, and when we want it', () => {
    const rejects = (protocol: number) => [protocol >> 8, protocol & 255, 1, 1, 0, 4];
    const ways: [(script: Script) => void, { reason: string; failed: boolean }][] = [
      [(script) => script.say(LCP, 5, 7), { reason: 'the peer terminated LCP', failed: false }],
      [(script) => script.say(LCP, 8, 7, rejects(LCP)), { reason: 'the client rejected LCP', failed: true }],
      [
        (script) => script.say(LCP, 8, 7, rejects(PAP)),
        { reason: 'the client rejected the authentication protocol', failed: true },
      ],
      [
        (script) => {
          script.effects.push(...script.ingress.handle({ event: 'close', reason: 'enough' }, 0));
        },
        { reason: 'enough', failed: false },
      ],
    ];
    for (const [act, down] of ways) {
      const script = new Script({ authMethods: ['pap'] });
      script.say(LCP, 1, 1);
      script.agree();
      act(script);
      script.wait();
      expect(script.last).toMatchObject({ effect: 'down', ...down });
    }
  });

  it('gives up a client that says nothing', () => {
    const script = new Script({});
    script.wait();
    expect(script.last).toMatchObject({
      effect: 'down',
      failed: true,
      cause: { code: 6, protocol: LCP, direction: 0 },
    });
  });

  it('takes nothing before it is open, and nothing that is no PPP', () => {
    const ingress = new PppIngress(serverSpec(), seededRandom(1));
    const bytes = packet(LCP, 1, 1);
    expect(ingress.handle({ event: 'frame', bytes, start: 0, end: bytes.length }, 0)).toEqual([]);
    expect(ingress.handle({ event: 'frame', bytes, start: 0, end: 0 }, 0)).toEqual([]);
    expect(ingress.handle({ event: 'close', reason: 'no need' }, 0)).toMatchObject([{ effect: 'down', failed: false }]);
  });

  it('keeps to the wishes of a LAC before it', () => {
    const wishes = { want: Uint8Array.of(1, 4, 4, 176), allow: Uint8Array.of(1, 4, 4, 176) };
    const call = new Switched(clientSpec({ mru: 1400 }), serverSpec({ authMethods: ['pap'] }), serverSpec(), {
      wishes,
    });
    call.run(5000);
    expect([...(call.captured?.proxy.lastSentLcpConfReq ?? []).slice(0, 4)]).toEqual([1, 4, 4, 176]);
    expect([...(call.captured?.proxy.lastReceivedLcpConfReq ?? []).slice(0, 4)]).toEqual([1, 4, 4, 176]);
  });
});
