import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avpTable } from '../../../src/engine/wire/avp.ts';
import { Reader, Writer } from '../../../src/engine/wire/bytes.ts';

/** What others call their lines and customers: octets of any kind (RFC 5515 5.1 and 5.2, RFC 2661 4.4.4). */
describe.each(['agentCircuitId', 'agentRemoteId', 'privateGroupId'] as const)('%s', (name) => {
  const { codec } = avpTable[name][2];

  function written(value: string): number[] {
    const writer = new Writer();
    codec.write(writer, value);
    return [...writer.finish()];
  }

  it('leaves as it came, whatever its octets', () => {
    const hexText = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => {
      return new TextEncoder().encode(`hex:${Buffer.from(bytes).toString('hex')}`);
    });
    const octets = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 63 }), hexText);
    fc.assert(
      fc.property(octets, (bytes) => {
        expect(written(codec.read(new Reader(bytes)))).toEqual([...bytes]);
      }),
    );
  });

  it('reads as text where it is text', () => {
    const text = 'dslam-1 eth 0/1:7, Köln';
    expect(codec.read(new Reader(new TextEncoder().encode(text)))).toBe(text);
    expect(codec.read(new Reader(Uint8Array.of(0x61, 0xff)))).toBe('hex:61ff');
    expect(written('\uFEFFx')).toEqual([0xef, 0xbb, 0xbf, 0x78]);
  });
});
