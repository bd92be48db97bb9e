/** What a session carries, and the numbers that say so (RFC 3931 10.6, 10.9). */
import { fixed, MalformedValue, type ValueCodec } from './codec.ts';

export const pseudowires = [
  'ppp',
  'ethernet',
  'vlan',
  'hdlc',
  'frameRelay',
  'atmAal5',
  'atmCellPort',
  'atmCellVcc',
  'atmCellVpc',
] as const;

/** What a session carries. L2TPv2 carries PPP only. */
export type Pseudowire = (typeof pseudowires)[number];

/** RFC 4591 7.1, RFC 4454 12, RFC 4719 7, RFC 4349 7.1, and IANA's registry for PPP. */
export const pseudowireTypes = {
  frameRelay: 0x0001,
  atmAal5: 0x0002,
  atmCellPort: 0x0003,
  vlan: 0x0004,
  ethernet: 0x0005,
  hdlc: 0x0006,
  ppp: 0x0007,
  atmCellVcc: 0x0009,
  atmCellVpc: 0x000a,
} as const satisfies Record<Pseudowire, number>;

/** RFC 3931 10.9 and RFC 4454 12.1. */
const sublayerTypes = { none: 0, default: 1, atm: 2 } as const;

/** The L2-Specific Sublayer of a session's data messages; `atm` is RFC 4454's. */
export type Sublayer = keyof typeof sublayerTypes;

/** RFC 3931 10.10. */
const sequencingLevels = { none: 0, nonIp: 1, all: 2 } as const;

/** Which data messages have sequence numbers. */
export type DataSequencing = keyof typeof sequencingLevels;

/** A number of 16 bits by its name; one without a name stays a number. */
function numbered<Name extends string>(numbers: Readonly<Record<Name, number>>): ValueCodec<Name | number> {
  const names = new Map((Object.keys(numbers) as Name[]).map((name) => [numbers[name], name]));
  return {
    read(reader) {
      const value = reader.u16();
      return names.get(value) ?? value;
    },
    write: (writer, value) => writer.u16(typeof value === 'number' ? value : numbers[value]),
  };
}

const anyPseudowire = numbered<Pseudowire>(pseudowireTypes);

export const pseudowireType = fixed(2, anyPseudowire);
export const sublayer = fixed(2, numbered<Sublayer>(sublayerTypes));

const sequencingLevel = fixed(2, numbered<DataSequencing>(sequencingLevels));

export const dataSequencing: ValueCodec<DataSequencing> = {
  read(reader) {
    const value = sequencingLevel.read(reader);
    if (typeof value === 'number') throw new MalformedValue(3, `is level ${value}, which does not exist`);
    return value;
  },
  write: sequencingLevel.write,
};

/** At least one pseudowire type (RFC 3931 5.4.3). */
export const pseudowireList: ValueCodec<readonly (Pseudowire | number)[]> = {
  read(reader) {
    if (reader.left === 0 || reader.left % 2 !== 0) throw new MalformedValue(2, `has ${reader.left} octets`);
    const list: (Pseudowire | number)[] = [];
    while (reader.left > 0) list.push(anyPseudowire.read(reader));
    return list;
  },
  write(writer, value) {
    for (const type of value) anyPseudowire.write(writer, type);
  },
};
