import { describe, expect, it } from 'vitest';
import { Action, type AutomatonEvent, isTimed, State, TRANSITIONS } from '../../../src/engine/ppp/automaton.ts';
import { Code, ControlProtocol, NCP_CAUSES, type Verdict } from '../../../src/engine/ppp/control-protocol.ts';
import type { PppEffect } from '../../../src/engine/ppp/events.ts';
import { packet } from './pair.ts';

/**
 * RFC 1661 4.1 once more, read column by column: what each state does on each event. Events that are not named cannot
 * happen in the state.
 */
const COLUMNS: Record<
  keyof typeof State,
  Partial<Record<AutomatonEvent, [actions: string, next: keyof typeof State]>>
> = {
  initial: { Up: ['', 'closed'], Open: ['tls', 'starting'], Close: ['', 'initial'] },
  starting: { Up: ['irc scr', 'reqSent'], Open: ['', 'starting'], Close: ['tlf', 'initial'] },
  closed: {
    Down: ['', 'initial'],
    Open: ['irc scr', 'reqSent'],
    Close: ['', 'closed'],
    'RCR+': ['sta', 'closed'],
    'RCR-': ['sta', 'closed'],
    RCA: ['sta', 'closed'],
    RCN: ['sta', 'closed'],
    RTR: ['sta', 'closed'],
    RTA: ['', 'closed'],
    RUC: ['scj', 'closed'],
    'RXJ+': ['', 'closed'],
    'RXJ-': ['tlf', 'closed'],
    RXR: ['', 'closed'],
  },
  stopped: {
    Down: ['tls', 'starting'],
    Open: ['', 'stopped'],
    Close: ['', 'closed'],
    'RCR+': ['irc scr sca', 'ackSent'],
    'RCR-': ['irc scr scn', 'reqSent'],
    RCA: ['sta', 'stopped'],
    RCN: ['sta', 'stopped'],
    RTR: ['sta', 'stopped'],
    RTA: ['', 'stopped'],
    RUC: ['scj', 'stopped'],
    'RXJ+': ['', 'stopped'],
    'RXJ-': ['tlf', 'stopped'],
    RXR: ['', 'stopped'],
  },
  closing: {
    Down: ['', 'initial'],
    Open: ['', 'stopping'],
    Close: ['', 'closing'],
    'TO+': ['str', 'closing'],
    'TO-': ['tlf', 'closed'],
    'RCR+': ['', 'closing'],
    'RCR-': ['', 'closing'],
    RCA: ['', 'closing'],
    RCN: ['', 'closing'],
    RTR: ['sta', 'closing'],
    RTA: ['tlf', 'closed'],
    RUC: ['scj', 'closing'],
    'RXJ+': ['', 'closing'],
    'RXJ-': ['tlf', 'closed'],
    RXR: ['', 'closing'],
  },
  stopping: {
    Down: ['', 'starting'],
    Open: ['', 'stopping'],
    Close: ['', 'closing'],
    'TO+': ['str', 'stopping'],
    'TO-': ['tlf', 'stopped'],
    'RCR+': ['', 'stopping'],
    'RCR-': ['', 'stopping'],
    RCA: ['', 'stopping'],
    RCN: ['', 'stopping'],
    RTR: ['sta', 'stopping'],
    RTA: ['tlf', 'stopped'],
    RUC: ['scj', 'stopping'],
    'RXJ+': ['', 'stopping'],
    'RXJ-': ['tlf', 'stopped'],
    RXR: ['', 'stopping'],
  },
  reqSent: {
    Down: ['', 'starting'],
    Open: ['', 'reqSent'],
    Close: ['irc str', 'closing'],
    'TO+': ['scr', 'reqSent'],
    'TO-': ['tlf', 'stopped'],
    'RCR+': ['sca', 'ackSent'],
    'RCR-': ['scn', 'reqSent'],
    RCA: ['irc', 'ackRcvd'],
    RCN: ['irc scr', 'reqSent'],
    RTR: ['sta', 'reqSent'],
    RTA: ['', 'reqSent'],
    RUC: ['scj', 'reqSent'],
    'RXJ+': ['', 'reqSent'],
    'RXJ-': ['tlf', 'stopped'],
    RXR: ['', 'reqSent'],
  },
  ackRcvd: {
    Down: ['', 'starting'],
    Open: ['', 'ackRcvd'],
    Close: ['irc str', 'closing'],
    'TO+': ['scr', 'reqSent'],
    'TO-': ['tlf', 'stopped'],
    'RCR+': ['sca tlu', 'opened'],
    'RCR-': ['scn', 'ackRcvd'],
    RCA: ['scr', 'reqSent'],
    RCN: ['scr', 'reqSent'],
    RTR: ['sta', 'reqSent'],
    RTA: ['', 'reqSent'],
    RUC: ['scj', 'ackRcvd'],
    'RXJ+': ['', 'reqSent'],
    'RXJ-': ['tlf', 'stopped'],
    RXR: ['', 'ackRcvd'],
  },
  ackSent: {
    Down: ['', 'starting'],
    Open: ['', 'ackSent'],
    Close: ['irc str', 'closing'],
    'TO+': ['scr', 'ackSent'],
    'TO-': ['tlf', 'stopped'],
    'RCR+': ['sca', 'ackSent'],
    'RCR-': ['scn', 'reqSent'],
    RCA: ['irc tlu', 'opened'],
    RCN: ['irc scr', 'ackSent'],
    RTR: ['sta', 'reqSent'],
    RTA: ['', 'ackSent'],
    RUC: ['scj', 'ackSent'],
    'RXJ+': ['', 'ackSent'],
    'RXJ-': ['tlf', 'stopped'],
    RXR: ['', 'ackSent'],
  },
  opened: {
    Down: ['tld', 'starting'],
    Open: ['', 'opened'],
    Close: ['tld irc str', 'closing'],
    'RCR+': ['tld scr sca', 'ackSent'],
    'RCR-': ['tld scr scn', 'reqSent'],
    RCA: ['tld scr', 'reqSent'],
    RCN: ['tld scr', 'reqSent'],
    RTR: ['tld zrc sta', 'stopping'],
    RTA: ['tld scr', 'reqSent'],
    RUC: ['scj', 'opened'],
    'RXJ+': ['', 'opened'],
    'RXJ-': ['tld irc str', 'stopping'],
    RXR: ['ser', 'opened'],
  },
};

type ActionName = keyof typeof Action;
const EVENTS = Object.keys(TRANSITIONS) as AutomatonEvent[];
const STATES = Object.keys(State) as (keyof typeof State)[];
const CELLS = EVENTS.flatMap((event) => STATES.map((state) => ({ event, state })));

/** A protocol without options, whose packets tell which actions were done. */
class Probe extends ControlProtocol {
  calls = 0;
  override get name(): string {
    return 'probe';
  }
  override get protocol(): number {
    return 0x80ff;
  }
  protected override get limits() {
    return { maxConfigRequests: 4, maxConfigNaks: 4, maxTerminateRequests: 2, retransmitMs: 1000 };
  }
  protected override get causes() {
    return NCP_CAUSES;
  }
  protected override resetRequest(): void {
    this.calls++;
  }
  protected override writeRequest(): void {
    this.calls++;
  }
  protected override onNak(): void {
    this.calls++;
  }
  protected override onReject(): void {
    this.calls++;
  }
  protected override resetPeer(): void {
    this.calls++;
  }
  /** Takes only an option 1. */
  protected override judge(type: number): Verdict {
    return type === 1 ? 'ack' : 'reject';
  }
  protected override suggest(): void {
    this.calls++;
  }
  protected override missingOption(): number {
    return 0;
  }
}

const REPLY = Uint8Array.of(0xff, 3, 0x80, 0xff, 99, 7, 0, 4);

describe('RFC 1661 4.1', () => {
  it('has 16 events and 10 states', () => {
    expect(CELLS.length).toBe(160);
  });

  it.each(CELLS)('$event in $state', ({ event, state }) => {
    const cell = COLUMNS[state][event];
    const transition = TRANSITIONS[event][State[state]];
    if (cell === undefined) {
      expect(transition).toBeUndefined();
      return;
    }
    const names = cell[0].split(' ').filter((name): name is ActionName => name in Action);
    expect(transition?.next).toBe(State[cell[1]]);
    expect(transition?.actions).toBe(names.reduce((bits, name) => bits | Action[name], 0));
  });

  it.each(CELLS)('$event in $state: a protocol does just that', ({ event, state }) => {
    const [actions, next] = COLUMNS[state][event] ?? ['', state];
    const probe = new Probe(0);
    probe.state = State[state];
    probe.timerAt = isTimed(probe.state) ? 500 : 0;
    const out: PppEffect[] = [];
    const signals = probe.fire(event, 100, out, REPLY, 7);

    const expected: number[] = [];
    const sends: Partial<Record<string, number>> = {
      scr: Code.configureRequest,
      str: Code.terminateRequest,
      sca: 99,
      scn: 99,
      scj: 99,
      ser: 99,
      sta: Code.terminateAck,
    };
    for (const name of actions.split(' ')) {
      const code = sends[name];
      if (code !== undefined) expected.push(code);
    }
    expect(probe.state).toBe(State[next]);
    expect(out.map((effect) => (effect.effect === 'frame' ? effect.frame[4] : effect.effect))).toEqual(expected);
    const signalled = ['tlu', 'tld', 'tlf'].filter((name) => signals & Action[name as ActionName]);
    expect(signalled.sort()).toEqual(actions.split(' ').filter((name) => /^tl[udf]$/.test(name)));
    // 4.1: only scr, str and zrc start the Restart timer; it stops on the way to a state without one.
    const started = /scr|str|zrc/.test(actions);
    const before = isTimed(State[state]) ? 500 : 0;
    expect(probe.timerAt).toBe(started ? 1100 : isTimed(State[next]) ? before : 0);
  });
});

/** RFC 1661 4.6, with Max-Configure 4 and Max-Terminate 2. */
describe('the Restart counter', () => {
  const timed = CELLS.flatMap(({ event, state }) => {
    const cell = COLUMNS[state][event];
    return cell !== undefined && isTimed(State[cell[1]]) ? [{ event, state, actions: cell[0].split(' ') }] : [];
  });

  it.each(timed)('after $event in $state lets so many timeouts pass', ({ event, state, actions }) => {
    const probe = new Probe(0);
    probe.state = State[state];
    probe.fire(event, 0, [], REPLY, 7);
    const out: PppEffect[] = [];
    let signals = 0;
    for (let ticks = 1; isTimed(probe.state) && ticks < 9; ticks++) signals |= probe.tick(1000 * ticks, out);
    // Initialised by irc and counted down by scr and str; without irc, or with zrc, it is at its end already.
    const initial = actions.includes('str') ? 2 : 4;
    const spent = actions.includes('str') || actions.includes('scr') ? 1 : 0;
    expect(out.length).toBe(actions.includes('irc') ? initial - spent : 0);
    expect(signals).toBe(Action.tlf);
    expect(probe.timerAt).toBe(0);
  });
});

/** RFC 1661 4.3: which packets are which events. */
describe('packets are events', () => {
  const ID = 5;
  /** `own`: the identifier of our outstanding Configure-Request. Options that are no option 1 are not acceptable. */
  const packets: { name: string; event: AutomatonEvent | undefined; octets: (own: number) => Uint8Array }[] = [
    { name: 'a Configure-Request that we like', event: 'RCR+', octets: () => packet(0x80ff, 1, ID, [1, 2]) },
    { name: 'a Configure-Request that we do not like', event: 'RCR-', octets: () => packet(0x80ff, 1, ID, [9, 2]) },
    { name: 'a Configure-Request of half options', event: undefined, octets: () => packet(0x80ff, 1, ID, [1, 3]) },
    { name: 'a Configure-Ack', event: 'RCA', octets: (own) => packet(0x80ff, 2, own) },
    { name: 'a Configure-Nak', event: 'RCN', octets: (own) => packet(0x80ff, 3, own, [1, 2]) },
    { name: 'a Configure-Reject', event: 'RCN', octets: (own) => packet(0x80ff, 4, own) },
    { name: 'a Terminate-Request', event: 'RTR', octets: () => packet(0x80ff, 5, ID) },
    { name: 'a Terminate-Ack', event: 'RTA', octets: () => packet(0x80ff, 6, ID) },
    { name: 'an unknown code', event: 'RUC', octets: () => packet(0x80ff, 99, ID) },
    { name: 'a Code-Reject of an extension', event: 'RXJ+', octets: () => packet(0x80ff, 7, ID, [12, 1, 0, 4]) },
    { name: 'a Code-Reject of what must be known', event: 'RXJ-', octets: () => packet(0x80ff, 7, ID, [1, 1, 0, 4]) },
    { name: 'a packet longer than its frame', event: undefined, octets: () => packet(0x80ff, 5, ID).fill(9, 7, 8) },
  ];
  const cases = STATES.flatMap((state) => packets.map((each) => ({ ...each, state })));

  it.each(cases)('$name in $state', ({ event, octets, state }) => {
    const [probe, model] = [new Probe(ID), new Probe(ID)];
    for (const each of [probe, model]) {
      each.state = State[state];
      each.timerAt = isTimed(each.state) ? 500 : 0;
    }
    const bytes = octets(ID);
    const out: PppEffect[] = [];
    const signals = probe.receive(bytes, 4, bytes.length, 100, out);
    const cell = event && COLUMNS[state][event];
    expect(probe.state).toBe(State[cell?.[1] ?? state]);
    const actions = cell?.[0].split(' ') ?? [];
    const codes: Partial<Record<string, number>> = {
      scr: Code.configureRequest,
      str: Code.terminateRequest,
      sca: Code.configureAck,
      scn: Code.configureReject,
      scj: Code.codeReject,
      sta: Code.terminateAck,
    };
    const sent = out.map((effect) => (effect.effect === 'frame' ? effect.frame[4] : effect.effect));
    expect(sent).toEqual(actions.flatMap((action) => codes[action] ?? []));
    expect(signals).toBe(
      actions.reduce((bits, name) => bits | (/^tl[udf]$/.test(name) ? Action[name as ActionName] : 0), 0),
    );
    // What answers a packet bears its identifier (5.2-5.4, 5.6).
    for (const effect of out) {
      if (effect.effect === 'frame' && [2, 4, 6].includes(effect.frame[4])) expect(effect.frame[5]).toBe(bytes[5]);
    }
  });

  it.each(['reqSent', 'ackRcvd', 'ackSent', 'opened'] as const)(
    'answers to no request of ours are none in %s',
    (state) => {
      for (const code of [Code.configureAck, Code.configureNak, Code.configureReject]) {
        for (const bytes of [packet(0x80ff, code, ID + 1), packet(0x80ff, code, ID, code === 3 ? [1, 3] : [1, 2])]) {
          const probe = new Probe(ID);
          probe.state = State[state];
          const out: PppEffect[] = [];
          expect([probe.receive(bytes, 4, bytes.length, 100, out), probe.state, out]).toEqual([0, State[state], []]);
        }
      }
    },
  );
});
