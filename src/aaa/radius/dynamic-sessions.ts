/** The sessions that servers may ask to change, found by what a request says of them (RFC 5176 3). */
import type { AccountRecord } from '../../engine/aaa.ts';
import type { SessionKey } from '../../engine/ports.ts';
import type { AttributeName, Attributes } from './dictionary.ts';
import type { RadiusSession } from './sessions.ts';
import { type Prefix, wirePrefix } from './values.ts';

/** What identifies a session, in comparable form. */
type Mark = string | number | bigint;

interface Known extends Pick<AccountRecord, 'session' | 'call' | 'ipv4' | 'prefix' | 'delegated' | 'interfaceId'> {
  readonly user: string | undefined;
  readonly acctSessionId: string;
}

interface Identity {
  /** Of the session; undefined: it has none. */
  of(session: Known): Mark | undefined;
  /** Of the request, all of which must fit. */
  asked(attributes: Attributes): readonly Mark[];
}

function one(name: 'acctSessionId' | 'nasPortId' | 'callingStationId' | 'calledStationId' | 'userName') {
  return (attributes: Attributes) => listed(attributes[name]);
}

function listed<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

function textOf({ address, length }: Prefix): string {
  return `${address}/${length}`;
}

/** By which sessions are found, those that name one session first. */
const indexed = {
  acctSessionId: { of: ({ acctSessionId }) => acctSessionId, asked: one('acctSessionId') },
  nasPortId: { of: ({ call }) => call.port, asked: one('nasPortId') },
  nasPort: { of: ({ session }) => session >>> 0, asked: ({ nasPort }) => listed(nasPort) },
  framedIpAddress: { of: ({ ipv4 }) => ipv4, asked: ({ framedIpAddress }) => listed(framedIpAddress) },
  framedIpv6Prefix: {
    of: ({ prefix }) => prefix && textOf(wirePrefix(prefix)),
    asked: ({ framedIpv6Prefix = [] }) => framedIpv6Prefix.map(textOf),
  },
  /** RFC 5176 does not name it, but it identifies as well as the others: another one cannot be put in force. */
  delegatedIpv6Prefix: {
    of: ({ delegated }) => delegated && textOf(wirePrefix(delegated)),
    asked: ({ delegatedIpv6Prefix = [] }) => delegatedIpv6Prefix.map(textOf),
  },
  userName: { of: ({ user }) => user, asked: one('userName') },
  callingStationId: { of: ({ call }) => call.avps.callingNumber, asked: one('callingStationId') },
} as const satisfies { [Name in AttributeName]?: Identity };

/** What only narrows the choice. */
const narrowing = {
  calledStationId: { of: ({ call }) => call.avps.calledNumber, asked: one('calledStationId') },
  framedInterfaceId: {
    of: ({ interfaceId }) => interfaceId,
    asked: ({ framedInterfaceId }) => listed(framedInterfaceId),
  },
} as const satisfies { [Name in AttributeName]?: Identity };

export const identities = { ...indexed, ...narrowing };
const indexes: readonly Identity[] = Object.values(indexed);
const all: readonly Identity[] = Object.values(identities);

export class DynamicSessions {
  readonly #sessions = new Map<SessionKey, Known>();
  /** In the order of `indexes`. Most marks are of one session alone. */
  readonly #found = indexes.map(() => new Map<Mark, Known | Set<Known>>());

  account(record: AccountRecord, { acctSessionId, user }: RadiusSession): void {
    const { event, session, call, ipv4, prefix, delegated, interfaceId } = record;
    const before = this.#sessions.get(session);
    const known: Known = {
      session,
      call,
      ipv4,
      prefix,
      delegated,
      interfaceId,
      acctSessionId,
      user: user ?? record.user,
    };
    if (event !== 'stop' && before !== undefined && isSame(before, known)) return;
    if (before) this.#remove(before);
    if (event !== 'stop') this.#add(known);
  }

  /** 'nothing': the request does not say enough to look for a session. */
  find(attributes: Attributes): readonly SessionKey[] | 'nothing' {
    const at = indexes.findIndex((identity) => identity.asked(attributes).length > 0);
    if (at < 0) return 'nothing';
    const [mark] = indexes[at].asked(attributes);
    const found = this.#found[at].get(mark);
    const candidates = found instanceof Set ? [...found] : listed(found);
    const wanted = all.map((identity) => ({ identity, marks: identity.asked(attributes) }));
    const fits = (known: Known) =>
      wanted.every(({ identity, marks }) => marks.every((each) => each === identity.of(known)));
    return candidates.filter(fits).map(({ session }) => session);
  }

  get size(): number {
    return this.#sessions.size;
  }

  #add(known: Known): void {
    this.#sessions.set(known.session, known);
    indexes.forEach((identity, i) => {
      const mark = identity.of(known);
      if (mark === undefined) return;
      const index = this.#found[i];
      const before = index.get(mark);
      if (before === undefined) index.set(mark, known);
      else if (before instanceof Set) before.add(known);
      else index.set(mark, new Set([before, known]));
    });
  }

  #remove(known: Known): void {
    this.#sessions.delete(known.session);
    indexes.forEach((identity, i) => {
      const mark = identity.of(known);
      if (mark === undefined) return;
      const index = this.#found[i];
      const before = index.get(mark);
      if (before instanceof Set) before.delete(known);
      if (before === known || (before instanceof Set && before.size === 0)) index.delete(mark);
    });
  }
}

function isSame(a: Known, b: Known): boolean {
  return a.acctSessionId === b.acctSessionId && all.every((identity) => identity.of(a) === identity.of(b));
}
