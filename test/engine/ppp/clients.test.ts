/** How common clients behave, played by a script, and what attackers try. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type PppEffect, PppLink } from '../../../src/engine/ppp/link.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { packet, seededRandom } from './pair.ts';
import { ADDRESSES, serverSpec } from './specs.ts';

const LCP = 0xc021;
const PAP = 0xc023;
const CHAP = 0xc223;
const IPCP = 0x8021;
const IPV6CP = 0x8057;
const CCP = 0x80fd;

interface Told {
  protocol: number;
  code: number;
  id: number;
  data: number[];
}

/** A server's link and a peer that says what the test wants. */
class Script {
  readonly link: PppLink;
  now = 0;
  effects: PppEffect[] = [];
  readonly asked: string[] = [];

  constructor(changes: Partial<PppSpec> = {}) {
    this.link = new PppLink(serverSpec(changes), seededRandom(7), ADDRESSES.server);
    this.take(this.link.handle({ event: 'open' }, 0));
  }

  private take(effects: PppEffect[]): void {
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.effect === 'authenticate') {
        const { user = '' } = effect;
        this.asked.push(user);
        const known = ['bob', 'carol'].includes(user);
        const answer = known
          ? ({ verdict: 'check', secret: new Secret('hunter2'), grant: {} } as const)
          : ({ verdict: 'reject', message: 'wrong password' } as const);
        this.take(this.link.handle({ event: 'authenticated', answer }, this.now));
      }
      if (effect.effect === 'allocate') {
        this.take(this.link.handle({ event: 'allocated', answer: { ipv4: ADDRESSES.client } }, this.now));
      }
    }
  }

  /** Sends one packet; the answer is what the link says to it. */
  say(protocol: number, code: number, id: number, data: readonly number[] = []): Told[] {
    const bytes = packet(protocol, code, id, data);
    this.effects = [];
    this.take(this.link.handle({ event: 'frame', bytes, start: 0, end: bytes.length }, this.now));
    return this.told();
  }

  told(): Told[] {
    return this.effects.flatMap((effect) => {
      if (effect.effect !== 'frame') return [];
      const [, , high, low, code, id] = effect.frame;
      return [{ protocol: (high << 8) | low, code, id, data: [...effect.frame.slice(8)] }];
    });
  }

  wait(ms: number): Told[] {
    const until = this.now + ms;
    this.effects = [];
    for (let at = this.link.deadline(); at !== undefined && at <= until; at = this.link.deadline()) {
      this.now = at;
      this.take(this.link.handle({ event: 'tick' }, at));
    }
    this.now = until;
    return this.told();
  }

  /** LCP with nothing in the peer's request, and our request acknowledged. */
  openLcp(request: Told = ofProtocol(this.told(), LCP), options: number[] = []): Told[] {
    this.say(LCP, 1, 1, options);
    return this.say(LCP, 2, request.id, request.data);
  }

  get phase(): string {
    return this.link.view().phase;
  }

  get down(): string | undefined {
    return this.effects.flatMap((effect) => (effect.effect === 'down' ? [effect.reason] : [])).at(0);
  }
}

function ofProtocol(told: readonly Told[], protocol: number): Told {
  const found = told.find((each) => each.protocol === protocol);
  if (!found) throw new Error(`nothing of 0x${protocol.toString(16)} among ${JSON.stringify(told)}`);
  return found;
}

const text = (value: string) => [...new TextEncoder().encode(value)];
const papRequest = (user: string, password: string) => [user.length, ...text(user), password.length, ...text(password)];
const octets = (address: number) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255);

const pap = { authMethods: ['pap'] } as const;
const chap = { authMethods: ['chap'] } as const;

describe('a client like', () => {
  it('Windows: MRU 1400, callback, multilink, Identification, CCP and IPV6CP first', () => {
    const script = new Script(pap);
    const ours = ofProtocol(script.told(), LCP);
    const kept = [1, 4, 0x05, 0x78, 5, 6, 1, 2, 3, 4, 7, 2, 8, 2];
    const callback = [13, 3, 6];
    const multilink = [17, 4, 0x06, 0x4e, 19, 9, 3, 0, 1, 2, 3, 4, 5];
    const [rejected] = script.say(LCP, 1, 0, [...kept, ...callback, ...multilink]);
    expect(rejected).toEqual({ protocol: LCP, code: 4, id: 0, data: [...callback, ...multilink] });
    expect(script.say(LCP, 1, 1, kept)).toEqual([{ protocol: LCP, code: 2, id: 1, data: kept }]);
    expect(script.say(LCP, 2, ours.id, ours.data)).toEqual([]);
    expect(script.say(LCP, 12, 2, [1, 2, 3, 4, ...text('MSRASV5.20')])).toEqual([]);
    expect(script.say(LCP, 12, 3, [1, 2, 3, 4, ...text('MSRAS-0-PC')])).toEqual([]);
    // Before it is authenticated nothing else is looked at.
    expect(script.say(CCP, 1, 4, [18, 6, 1, 0, 0, 1])).toEqual([]);

    const passed = script.say(PAP, 1, 5, papRequest('bob', 'hunter2'));
    expect(ofProtocol(passed, PAP).code).toBe(2);
    const ipcp = ofProtocol(passed, IPCP);
    expect(ofProtocol(script.say(CCP, 1, 6, [18, 6, 1, 0, 0, 1]), LCP)).toMatchObject({ code: 8 });
    expect(ofProtocol(script.say(IPV6CP, 1, 7, [1, 10, 2, 0, 0, 0, 0, 0, 0, 1]), LCP)).toMatchObject({ code: 8 });
    const zeros = [3, 129, 130, 131, 132].flatMap((option) => [option, 6, 0, 0, 0, 0]);
    expect(script.say(IPCP, 1, 8, zeros)).toEqual([{ protocol: IPCP, code: 4, id: 8, data: zeros.slice(6) }]);
    const address = [3, 6, ...octets(ADDRESSES.client)];
    expect(script.say(IPCP, 1, 9, zeros.slice(0, 6))).toEqual([{ protocol: IPCP, code: 3, id: 9, data: address }]);
    script.say(IPCP, 2, ipcp.id, ipcp.data);
    expect(script.say(IPCP, 1, 10, address)).toEqual([{ protocol: IPCP, code: 2, id: 10, data: address }]);
    expect(script.link.view()).toMatchObject({ phase: 'network', user: 'bob', ipv4: { remote: ADDRESSES.client } });
    expect(script.effects).toContainEqual(
      expect.objectContaining({ effect: 'network', network: expect.objectContaining({ mtu: 1400 }) }),
    );
  });

  it('macOS: ACCM, echoes at once, Apple’s own control protocol, IPV6CP before IPCP', () => {
    const script = new Script({ ...chap, ipv6: { enabled: true, interfaceId: 0x10n, dns: [] } });
    const ours = ofProtocol(script.told(), LCP);
    const wish = [2, 6, 0, 0, 0, 0, 5, 6, 9, 9, 9, 9, 7, 2, 8, 2];
    expect(script.say(LCP, 1, 1, wish)).toEqual([{ protocol: LCP, code: 2, id: 1, data: wish }]);
    // An echo that overtakes our acknowledgement is nobody's yet, and does no harm.
    expect(script.say(LCP, 9, 2, [9, 9, 9, 9])).toEqual([]);
    const challenge = ofProtocol(script.say(LCP, 2, ours.id, ours.data), CHAP);
    expect(challenge.code).toBe(1);
    expect(ofProtocol(script.say(LCP, 9, 3, [9, 9, 9, 9, 1]), LCP)).toMatchObject({ code: 10, id: 3 });
    const passed = script.say(CHAP, 2, challenge.id, chapResponse(challenge, 'bob', 'hunter2'));
    expect(ofProtocol(passed, CHAP).code).toBe(3);
    const ipv6cp = ofProtocol(passed, IPV6CP);
    const identifier = [1, 10, 2, 0, 0, 0, 0, 0, 0, 1];
    expect(ofProtocol(script.say(IPV6CP, 1, 1, identifier), IPV6CP).code).toBe(2);
    script.say(IPV6CP, 2, ipv6cp.id, ipv6cp.data);
    expect(script.link.view().ipv6?.localInterfaceId).toBe(0x10n);
    expect(ofProtocol(script.say(0x8235, 1, 1), LCP)).toMatchObject({ code: 8 });
    const ipcp = ofProtocol(passed, IPCP);
    script.say(IPCP, 2, ipcp.id, ipcp.data);
    script.say(IPCP, 1, 1, [3, 6, ...octets(ADDRESSES.client)]);
    expect(script.link.view().ipv4?.remote).toBe(ADDRESSES.client);
  });

  it('one that renegotiates an open link: it has to authenticate itself again', () => {
    const script = new Script(pap);
    script.openLcp();
    script.say(PAP, 1, 5, papRequest('bob', 'hunter2'));
    script.say(IPCP, 1, 1, [3, 6, ...octets(ADDRESSES.client)]);
    const again = script.say(LCP, 1, 2, []);
    expect(script.phase).toBe('establish');
    expect(script.say(IPCP, 1, 2, [3, 6, ...octets(ADDRESSES.client)])).toEqual([]);
    const request = ofProtocol(again, LCP);
    script.say(LCP, 2, request.id, request.data);
    expect(script.phase).toBe('authenticate');
    expect(script.say(IPCP, 1, 3, [3, 6, ...octets(ADDRESSES.client)])).toEqual([]);
    expect(script.say(PAP, 1, 6, papRequest('bob', 'wrong')).map(({ code }) => code)).toContain(3);
  });

  it('one that terminates and dials again inside one call: the link ends, so that the call can', () => {
    const script = new Script(pap);
    script.openLcp();
    script.say(PAP, 1, 5, papRequest('bob', 'hunter2'));
    expect(ofProtocol(script.say(LCP, 5, 9), LCP)).toMatchObject({ code: 6, id: 9 });
    expect(script.say(LCP, 1, 10, [])).toEqual([]);
    script.wait(20_000);
    expect(script.down).toBe('the peer terminated LCP');
  });
});

function chapResponse(challenge: Told, user: string, password: string, id = challenge.id): number[] {
  const value = challenge.data.slice(1, 1 + challenge.data[0]);
  const digest = createHash('md5')
    .update(Uint8Array.of(id, ...text(password), ...value))
    .digest();
  return [digest.length, ...digest, ...text(user)];
}

describe('authentication is not got round by', () => {
  const address = [3, 6, ...octets(ADDRESSES.client)];

  it('network protocols before it', () => {
    const script = new Script(chap);
    const ours = ofProtocol(script.told(), LCP);
    expect(script.say(IPCP, 1, 1, address)).toEqual([]);
    script.openLcp(ours);
    for (const protocol of [IPCP, IPV6CP, CCP, 0x0021]) expect(script.say(protocol, 1, 1, address)).toEqual([]);
    expect(script.phase).toBe('authenticate');
    expect(script.link.view().ipv4).toBeUndefined();
  });

  it('another protocol than the one agreed', () => {
    const script = new Script({ authMethods: ['chap', 'pap'] });
    script.openLcp();
    expect(script.say(PAP, 1, 1, papRequest('bob', 'hunter2'))).toEqual([]);
    expect(script.asked).toEqual([]);
    expect(script.phase).toBe('authenticate');
  });

  it('a Nak to a method that is not allowed, or to none', () => {
    for (const offered of [
      [3, 4, 0xc0, 0x23],
      [3, 4, 0xc2, 0x27],
      [3, 2],
      [3, 5, 0xc2, 0x23, 0x81],
    ]) {
      const script = new Script(chap);
      const ours = ofProtocol(script.told(), LCP);
      script.say(LCP, 1, 1, []);
      script.say(LCP, 3, ours.id, offered);
      expect(script.phase).not.toBe('authenticate');
      script.wait(20_000);
      expect(script.down).toMatch(/^the peer refused CHAP, offered /);
    }
  });

  it('a Reject of the option, or an Ack without it', () => {
    const script = new Script(chap);
    const ours = ofProtocol(script.told(), LCP);
    script.say(LCP, 1, 1, []);
    expect(script.say(LCP, 2, ours.id, [])).toEqual([]);
    expect(script.phase).toBe('establish');
    const option = ours.data.slice(ours.data.indexOf(3), ours.data.indexOf(3) + 5);
    script.say(LCP, 4, ours.id, option);
    script.wait(20_000);
    expect(script.down).toBe('the peer refuses to authenticate itself, which PppProfile/default demands');
  });

  it.each([
    ['no name', '', ''],
    ['no name and a password', '', 'hunter2'],
    ['no password', 'bob', ''],
    ['more than the password', 'bob', 'hunter22'],
    ['a name in other letters', 'BOB', 'hunter2'],
  ])('PAP with %s', (_what, user, password) => {
    const script = new Script(pap);
    script.openLcp();
    expect(ofProtocol(script.say(PAP, 1, 1, papRequest(user, password)), PAP).code).toBe(3);
    expect(script.phase).not.toBe('network');
  });

  it('a response to another identifier, or to an earlier challenge', () => {
    const script = new Script(chap);
    const challenge = ofProtocol(script.openLcp(), CHAP);
    const good = chapResponse(challenge, 'bob', 'hunter2');
    expect(script.say(CHAP, 2, (challenge.id + 1) & 255, good)).toEqual([]);
    const next = ofProtocol(script.wait(3000), CHAP);
    expect(next.id).not.toBe(challenge.id);
    expect(script.say(CHAP, 2, challenge.id, good)).toEqual([]);
    expect(script.asked).toEqual([]);
    expect(ofProtocol(script.say(CHAP, 2, next.id, good), CHAP).code).toBe(4);
    expect(script.phase).not.toBe('network');
  });

  it('a Success or Ack of the peer’s own', () => {
    const script = new Script(chap);
    const challenge = ofProtocol(script.openLcp(), CHAP);
    expect(script.say(CHAP, 3, challenge.id)).toEqual([]);
    expect(script.say(PAP, 2, challenge.id, [0])).toEqual([]);
    expect(script.phase).toBe('authenticate');
  });

  it('silence, for longer than all challenges take', () => {
    const script = new Script(chap);
    script.openLcp();
    script.wait(120_000);
    expect(script.down).toBe('authentication failed: the peer does not answer CHAP challenges');
  });

  it.each(['eve', 'carol'])('the answer of another user to a later challenge: %s', (other) => {
    const script = new Script({ ...chap, chapIntervalMs: 60_000 });
    const first = ofProtocol(script.openLcp(), CHAP);
    const passed = script.say(CHAP, 2, first.id, chapResponse(first, 'bob', 'hunter2'));
    const ipcp = ofProtocol(passed, IPCP);
    script.say(IPCP, 2, ipcp.id, ipcp.data);
    script.say(IPCP, 1, 1, address);
    const second = ofProtocol(script.wait(60_000), CHAP);
    script.say(CHAP, 2, second.id, chapResponse(second, 'bob', 'hunter2'));
    expect(script.phase).toBe('network');
    const third = ofProtocol(script.wait(60_000), CHAP);
    script.say(CHAP, 2, third.id, chapResponse(third, other, 'hunter2'));
    expect(script.phase).toBe('terminate');
  });
});
