import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/engine/errors.ts';
import type { AvpName } from '../../../src/engine/wire/avp.ts';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  messageTypes,
  type OutgoingMessage,
} from '../../../src/engine/wire/message.ts';
import { belongs, messageRows } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { anyMessage, anyMessageWithOthers, anySecret, avpLike, plain, rawMessage } from './arbitrary.ts';

const randomVector = fc.uint8Array({ maxLength: 40 });
const hide = fc.option(fc.record({ secret: anySecret, randomVector }), { nil: undefined });

/** Decodes, and lets nothing but a WireError pass. */
function decodeAny(bytes: Uint8Array, start: number, end: number, secret: Secret | undefined): Message | WireError {
  try {
    return decodeMessage(bytes, start, end, { secretFor: () => secret });
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

function inWords(outcome: Message | WireError): unknown {
  return outcome instanceof WireError ? [outcome.scope, outcome.reason, outcome.result] : plain(outcome);
}

describe('messages', () => {
  it('are read as they were written, clear or hidden', () => {
    fc.assert(
      fc.property(anyMessage, hide, (message, hide) => {
        const body = encodeMessage(message, { hide });
        const read = decodeMessage(body, 0, body.length, { secretFor: () => hide?.secret });
        expect(plain(read)).toEqual(plain({ ...message, oddities: [], others: [] }));
      }),
      { numRuns: 1000 },
    );
  });

  it('are read with the AVPs of vendors', () => {
    fc.assert(
      fc.property(anyMessageWithOthers, hide, (message, hide) => {
        const body = encodeMessage(message, { hide });
        const read = decodeMessage(body, 0, body.length, { secretFor: () => hide?.secret, knows: () => true });
        const hides = hide !== undefined && messageRows[message.type].hideable;
        const [hidden, clear] = [true, false].map((part) =>
          (message.others ?? []).filter(({ hideable }) => (hides && hideable === true) === part),
        );
        expect(plain(read)).toEqual(
          plain({
            type: message.type,
            avps: message.avps,
            oddities: [],
            others: [
              ...clear.map(({ vendor, type, value }) => ({ vendor, type, value })),
              ...hidden.map(({ vendor, type, value }) => ({ vendor, type, value, hidden: true })),
            ],
          }),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('that are read and written and read again say the same', () => {
    const code = fc.constantFrom(...messageTypes.map((type) => messageRows[type].code));
    fc.assert(
      fc.property(code, avpLike, (code, avps) => {
        const body = rawMessage(code, avps);
        const read = decodeAny(body, 0, body.length, undefined);
        if (read instanceof WireError) return;
        const again = encodeMessage(read as OutgoingMessage);
        const { avps: twice, others } = decodeMessage(again, 0, again.length);
        const names = Object.keys(read.avps).filter((name) => belongs(read.type, name as AvpName));
        expect(Object.keys(twice).toSorted()).toEqual(names.toSorted());
        for (const name of names) expect(plain(twice[name as AvpName])).toEqual(plain(read.avps[name as AvpName]));
        expect(others).toEqual(read.others);
      }),
      { numRuns: 2000 },
    );
  });

  it('do not keep anything of the receive buffer', () => {
    fc.assert(
      fc.property(anyMessage, hide, (message, hide) => {
        const buffer = Buffer.from(encodeMessage(message, { hide }));
        const read = decodeMessage(buffer, 0, buffer.length, { secretFor: () => hide?.secret });
        buffer.fill(0xff);
        expect(plain(read.avps)).toEqual(plain(message.avps));
      }),
    );
  });
});

describe('hostile octets', () => {
  it('of any kind end in a message or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), anySecret, (bytes, secret) => {
        expect(decodeAny(bytes, 0, bytes.length, secret)).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });

  it('that look like AVPs end in a message or a WireError, whatever stands around them', () => {
    const code = fc.integer({ min: 0, max: 17 });
    fc.assert(
      fc.property(code, avpLike, anySecret, fc.nat(9), (code, avps, secret, margin) => {
        const body = Buffer.concat([Uint8Array.of(0x80, 8, 0, 0, 0, 0, 0, code), avps]);
        const framed = Buffer.alloc(body.length + 2 * margin, 0xff);
        framed.set(body, margin);
        const alone = decodeAny(body, 0, body.length, secret);
        const inside = decodeAny(framed, margin, margin + body.length, secret);
        expect(inWords(inside)).toEqual(inWords(alone));
      }),
      { numRuns: 2000 },
    );
  });

  it('made from real messages end in a message or a WireError', () => {
    const change = fc.record({ at: fc.nat(400), to: fc.nat(0xff), kind: fc.constantFrom('set', 'insert', 'cut') });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyMessage, hide, changes, (message, hide, changes) => {
        const bytes = [...encodeMessage(message, { hide })];
        for (const { at, to, kind } of changes) {
          const place = at % bytes.length;
          if (kind === 'set') bytes[place] = to;
          else if (kind === 'insert') bytes.splice(place, 0, to);
          else bytes.splice(Math.max(place, 1));
        }
        expect(decodeAny(Uint8Array.from(bytes), 0, bytes.length, hide?.secret)).toBeDefined();
      }),
      { numRuns: 2000 },
    );
  });

  it('never bring a secret into an error', () => {
    fc.assert(
      fc.property(anyMessage, fc.uint8Array({ minLength: 1, maxLength: 40 }), (message, vector) => {
        const text = 'correct horse battery staple';
        const bytes = encodeMessage(message, { hide: { secret: new Secret(text), randomVector: vector } });
        const outcome = decodeAny(bytes, 0, bytes.length, new Secret(`${text}!`));
        expect(outcome instanceof WireError ? outcome.message : '').not.toContain(text);
      }),
    );
  });
});
