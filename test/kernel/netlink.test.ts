import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  attribute,
  attributesOf,
  messagesOf,
  nested,
  number32,
  numberOf,
  octetsOf,
  text,
  textOf,
} from '../../src/kernel/netlink.ts';
import { linkLocalAddress } from '../../src/kernel/rtnl-objects.ts';

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

test('attributes come back as they were written', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.nat(1000), fc.uint8Array({ maxLength: 40 })), { selector: ([type]) => type }),
      (pairs) => {
        const read = attributesOf(viewOf(Buffer.concat(pairs.map(([type, value]) => attribute(type, value)))));
        expect([...read].map(([type, value]) => [type, [...octetsOf(value)]])).toEqual(
          pairs.map(([type, value]) => [type, [...value]]),
        );
      },
    ),
  );
  const outer = attributesOf(viewOf(nested(26, nested(10, attribute(8, number32(1))), attribute(3, text('l2tp0')))));
  const inner = attributesOf(outer.get(26) ?? new DataView(new ArrayBuffer(0)));
  expect(textOf(inner.get(3) ?? new DataView(new ArrayBuffer(0)))).toBe('l2tp0');
  expect(numberOf(attributesOf(inner.get(10) ?? new DataView(new ArrayBuffer(0))).get(8))).toBe(1);
});

test('broken messages end the reading, inside the buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: -200, max: 300 }), (bytes, octets) => {
      for (const message of messagesOf(bytes, octets)) {
        for (const value of attributesOf(message.body).values()) expect(octetsOf(value).length).toBeLessThan(200);
      }
    }),
  );
});

test('an interface identifier makes a link-local address', () => {
  expect(linkLocalAddress(0x0102030405060708n)).toEqual({ address: 'fe80::102:304:506:708', prefix: 64 });
  expect(linkLocalAddress(1n)).toEqual({ address: 'fe80::1', prefix: 64 });
});
