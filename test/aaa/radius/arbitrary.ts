/** Random attributes, made from the dictionary. */
import fc from 'fast-check';
import { type Attributes, attributeNames, attributeRows } from '../../../src/aaa/radius/dictionary.ts';
import * as values from '../../../src/aaa/radius/values.ts';
import { Secret } from '../../../src/engine/spec.ts';

const bits = (count: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(count)) - 1n });

const prefix = fc.tuple(bits(128), fc.integer({ min: 0, max: 128 })).map(([address, length]) => {
  const beyond = BigInt(128 - length);
  return { address: (address >> beyond) << beyond, length };
});

/** No NUL at its end, which is not read. */
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .map((value) => value.replace(/\0+$/, ''))
  .filter((value) => value !== '');

const byKind = new Map<values.Kind<unknown>, fc.Arbitrary<unknown>>([
  [values.text, text],
  [values.octets, fc.uint8Array({ minLength: 1, maxLength: 200 })],
  // Hidden passwords are filled up with NULs.
  [
    values.secret,
    fc.uint8Array({ minLength: 1, maxLength: 120 }).map((octets) => {
      octets[octets.length - 1] ||= 1;
      return new Secret(octets);
    }),
  ],
  [values.u32, fc.integer({ min: 0, max: 0xffffffff })],
  [values.u24, fc.integer({ min: 0, max: 0xffffff })],
  [values.u64, bits(64)],
  [values.ipv6, bits(128)],
  [values.ipv6Prefix, prefix],
]);

function valuesOf(name: (typeof attributeNames)[number]): fc.Arbitrary<unknown> {
  const { kind, form } = attributeRows[name];
  const value = byKind.get(kind);
  if (!value) throw new Error(`no values for ${name}`);
  switch (form) {
    case 'one':
      return value;
    case 'many':
      return fc.array(value, { minLength: 1, maxLength: 3 });
    case 'tagged':
      return fc.array(fc.record({ tag: fc.integer({ min: 0, max: 31 }), value }), { minLength: 1, maxLength: 3 });
    case 'joined':
      return fc.uint8Array({ minLength: 1, maxLength: 800 });
    case 'numbered':
      return fc.record({
        identifier: fc.integer({ min: 0, max: 255 }),
        octets: fc.uint8Array({ minLength: 1, maxLength: 516 }),
      });
    default:
      return form satisfies never;
  }
}

/** Some attributes, which may be more than a packet takes. */
export const anyAttributes = fc
  .subarray(attributeNames, { maxLength: 12 })
  .chain((names) => fc.tuple(...names.map((name) => valuesOf(name).map((value) => [name, value] as const))))
  .map((entries) => Object.fromEntries(entries) as Attributes);

export const anySecret = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((octets) => new Secret(octets));
export const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** Secrets as what they hide, so that they can be compared. */
export function plain(value: unknown): unknown {
  if (value instanceof Secret) return { secret: [...value.reveal()] };
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
  }
  return value;
}
