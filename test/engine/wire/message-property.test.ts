import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/engine/errors.ts';
import type { AvpName, AvpValues } from '../../../src/engine/wire/avp.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import type { EncodeOptions, Message, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { messageForms, messageRows } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { vocabularies } from '../../../src/engine/wire/vocabulary.ts';
import {
  anyMessage,
  anyMessageWithOthers,
  anySecret,
  anyVersion,
  avpLike,
  plain,
  rawMessage,
  type VersionedMessage,
} from './arbitrary.ts';

const randomVector = fc.uint8Array({ maxLength: 40 });
const hide = fc.option(fc.record({ secret: anySecret, randomVector }), { nil: undefined });

/** The receiver's id for the session. */
const remoteSessionId = 0xfedc_ba98;

function encode({ version, message }: VersionedMessage, options?: EncodeOptions): Uint8Array {
  return dialects[version].encodeMessage(message, remoteSessionId, options);
}

/** What a request tells of another version goes with the id there. */
function isSent(version: 2 | 3, name: string, avps: AvpValues): boolean {
  return avps.assignedControlConnectionId !== undefined || !vocabularies[version].offers.has(name as AvpName);
}

/** What is read of a message that was written: L2TPv3 tells the session's id in it. */
function told({ version, message: { type, avps } }: VersionedMessage): unknown {
  const tellsId = messageRows[type][version]?.optional.includes('remoteSessionId');
  const sent = Object.fromEntries(Object.entries(avps).filter(([name]) => isSent(version, name, avps)));
  return plain(tellsId ? { ...sent, remoteSessionId } : sent);
}

/** Decodes, and lets nothing but a WireError pass. */
function decodeAny(
  version: 2 | 3,
  bytes: Uint8Array,
  start: number,
  end: number,
  secret: Secret | undefined,
): Message | WireError {
  try {
    return dialects[version].decodeMessage(bytes, start, end, { secretFor: () => secret });
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

function inWords(outcome: Message | WireError): unknown {
  return outcome instanceof WireError ? [outcome.scope, outcome.reason, outcome.result] : plain(outcome);
}

describe('messages', () => {
  it('are read as they were written, clear or hidden, with digests and without', () => {
    const type = fc.constantFrom<'hmac-md5' | 'hmac-sha1'>('hmac-md5', 'hmac-sha1');
    const room = fc.record({ type, count: fc.constantFrom<1 | 2>(1, 2) });
    const digests = fc.option(room, { nil: undefined });
    fc.assert(
      fc.property(anyMessage, hide, digests, fc.boolean(), (written, hide, digests, drafts) => {
        const body = encode(written, { hide, digests, drafts });
        const options = { secretFor: () => hide?.secret };
        const read = dialects[written.version].decodeMessage(body, 0, body.length, options);
        expect(read).toMatchObject({ type: written.message.type, oddities: [], others: [] });
        expect(plain(read.avps)).toEqual(told(written));
      }),
      { numRuns: 2000 },
    );
  });

  it('are read with the AVPs of vendors', () => {
    fc.assert(
      fc.property(anyMessageWithOthers, hide, (written, hide) => {
        const { version, message } = written;
        const body = encode(written, { hide });
        const options = { secretFor: () => hide?.secret, knows: () => true };
        const read = dialects[version].decodeMessage(body, 0, body.length, options);
        const hides = hide !== undefined && messageRows[message.type].hideable;
        const [hidden, clear] = [true, false].map((part) =>
          (message.others ?? []).filter(({ hideable }) => (hides && hideable === true) === part),
        );
        expect(read).toMatchObject({ type: message.type, oddities: [] });
        expect(plain(read.avps)).toEqual(told(written));
        expect(plain(read.others)).toEqual(
          plain([
            ...clear.map(({ vendor, type, value }) => ({ vendor, type, value })),
            ...hidden.map(({ vendor, type, value }) => ({ vendor, type, value, hidden: true })),
          ]),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('that are read and written and read again say the same', () => {
    const form = anyVersion.chain((version) =>
      fc.constantFrom(...messageForms(version)).map((form) => ({ version, form })),
    );
    fc.assert(
      fc.property(form, avpLike, ({ version, form: { code, allowed } }, avps) => {
        const body = rawMessage(code, avps);
        const read = decodeAny(version, body, 0, body.length, undefined);
        if (read instanceof WireError) return;
        const dialect = dialects[version];
        const again = dialect.encodeMessage(read as OutgoingMessage, read.avps.remoteSessionId ?? 0);
        const { avps: twice, others } = dialect.decodeMessage(again, 0, again.length);
        const names = Object.keys(read.avps).filter(
          (name) => allowed.has(name as AvpName) && isSent(version, name, read.avps),
        );
        if (allowed.has('remoteSessionId') && !names.includes('remoteSessionId')) delete twice.remoteSessionId;
        expect(Object.keys(twice).toSorted()).toEqual(names.toSorted());
        for (const name of names) expect(plain(twice[name as AvpName])).toEqual(plain(read.avps[name as AvpName]));
        expect(others).toEqual(read.others);
      }),
      { numRuns: 3000 },
    );
  });

  it('do not keep anything of the receive buffer', () => {
    fc.assert(
      fc.property(anyMessage, hide, (written, hide) => {
        const buffer = Buffer.from(encode(written, { hide }));
        const options = { secretFor: () => hide?.secret };
        const read = dialects[written.version].decodeMessage(buffer, 0, buffer.length, options);
        buffer.fill(0xff);
        expect(plain(read.avps)).toEqual(told(written));
      }),
    );
  });
});

describe('hostile octets', () => {
  it('of any kind end in a message or a WireError', () => {
    fc.assert(
      fc.property(anyVersion, fc.uint8Array({ maxLength: 200 }), anySecret, (version, bytes, secret) => {
        expect(decodeAny(version, bytes, 0, bytes.length, secret)).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });

  it('that look like AVPs end in a message or a WireError, whatever stands around them', () => {
    const code = fc.integer({ min: 0, max: 21 });
    fc.assert(
      fc.property(anyVersion, code, avpLike, anySecret, fc.nat(9), (version, code, avps, secret, margin) => {
        const body = Buffer.concat([Uint8Array.of(0x80, 8, 0, 0, 0, 0, 0, code), avps]);
        const framed = Buffer.alloc(body.length + 2 * margin, 0xff);
        framed.set(body, margin);
        const alone = decodeAny(version, body, 0, body.length, secret);
        const inside = decodeAny(version, framed, margin, margin + body.length, secret);
        expect(inWords(inside)).toEqual(inWords(alone));
      }),
      { numRuns: 2000 },
    );
  });

  it('made from real messages end in a message or a WireError', () => {
    const change = fc.record({ at: fc.nat(400), to: fc.nat(0xff), kind: fc.constantFrom('set', 'insert', 'cut') });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyMessage, hide, changes, (written, hide, changes) => {
        const bytes = [...encode(written, { hide })];
        for (const { at, to, kind } of changes) {
          const place = at % bytes.length;
          if (kind === 'set') bytes[place] = to;
          else if (kind === 'insert') bytes.splice(place, 0, to);
          else bytes.splice(Math.max(place, 1));
        }
        expect(decodeAny(written.version, Uint8Array.from(bytes), 0, bytes.length, hide?.secret)).toBeDefined();
      }),
      { numRuns: 2000 },
    );
  });

  it('never bring a secret into an error', () => {
    fc.assert(
      fc.property(anyMessage, fc.uint8Array({ minLength: 1, maxLength: 40 }), (written, vector) => {
        const text = 'correct horse battery staple';
        const bytes = encode(written, { hide: { secret: new Secret(text), randomVector: vector } });
        const outcome = decodeAny(written.version, bytes, 0, bytes.length, new Secret(`${text}!`));
        expect(outcome instanceof WireError ? outcome.message : '').not.toContain(text);
      }),
    );
  });
});
