/** Grants as plugins write them, addresses being text. One table for both ways. */
import type { Grant, GrantedTunnel } from '../engine/aaa.ts';
import {
  formatIpv4,
  formatIpv6,
  formatIpv6Prefix,
  parseIpv4,
  parseIpv6,
  parseIpv6Prefix,
  type RateLimit,
  Secret,
} from '../engine/spec.ts';
import type { PluginGrant, PluginTunnel } from './api.ts';

/** RFC 791: the least that IPv4 links carry; and the most that PPP's MRU says. */
const mtus = { least: 68, most: 65_535 };

interface Form<Inside, Outside> {
  /** For people. */
  is: string;
  write(value: Inside): Outside;
  /** undefined: it is none. */
  read(value: unknown): Inside | undefined;
}

const ipv4: Form<number, string> = { is: 'an IPv4 address', write: formatIpv4, read: ofText(parseIpv4) };
const ipv6: Form<bigint, string> = { is: 'an IPv6 address', write: formatIpv6, read: ofText(parseIpv6) };
const prefix: Form<NonNullable<Grant['prefix']>, string> = {
  is: 'an IPv6 prefix of at most 64 bits',
  write: formatIpv6Prefix,
  read: ofText(parseIpv6Prefix),
};
const name: Form<string, string> = { is: 'a text', write: same, read: ofText((text) => text || undefined) };
const duration: Form<number, number> = { is: 'a number of milliseconds', write: same, read: number };
const rate: Form<RateLimit | 'none', RateLimit | 'none'> = {
  is: "{ txBps, rxBps } or 'none'",
  write: same,
  read: rateOf,
};

type Field = keyof Grant;
type FieldForm<Name extends Field> = Form<NonNullable<Grant[Name]>, NonNullable<PluginGrant[Name]>>;

const forms: { readonly [Name in Field]: FieldForm<Name> } = {
  ipv4,
  pool: name,
  prefix,
  prefixPool: name,
  delegated: prefix,
  delegationPool: name,
  interfaceId: { is: 'four groups of hexadecimal digits', write: formatInterfaceId, read: ofText(parseInterfaceId) },
  dns: listOf(ipv4),
  dns6: listOf(ipv6),
  routes: listOf({ is: 'a CIDR', write: same, read: ofText(cidr) }),
  mtu: { is: `a number of octets, ${mtus.least} to ${mtus.most}`, write: same, read: mtuOf },
  tunnels: listOf({ is: 'a tunnel with its remoteAddress', write: same, read: tunnelOf }),
  idleTimeoutMs: duration,
  sessionTimeoutMs: duration,
  interimIntervalMs: duration,
  usualInterimIntervalMs: duration,
  rate,
  filter: name,
};

export const addressForms = { ipv4, prefix, delegated: prefix, interfaceId: forms.interfaceId };

/** @throws Error in words for the operator */
export function readGrant(value: unknown): Grant {
  if (!isObject(value)) throw new Error('its grant is no object');
  const grant: Grant = {};
  for (const [field, given] of Object.entries(value)) {
    if (!isField(field)) throw new Error(`its grant has a field ${field}, which means nothing`);
    if (given !== undefined && given !== null) readField(grant, field, given);
  }
  return grant;
}

export function writeGrant(grant: Grant): PluginGrant {
  const written: PluginGrant = {};
  for (const field of Object.keys(grant)) if (isField(field)) writeField(written, field, grant[field]);
  return written;
}

/** @throws Error in words for the operator */
export function readValue<Inside>(what: string, { is, read }: Form<Inside, unknown>, value: unknown): Inside {
  const inside = read(value);
  if (inside === undefined) throw new Error(`${what} is not ${is}`);
  return inside;
}

function readField<Name extends Field>(grant: Grant, field: Name, value: unknown): void {
  const form: FieldForm<Name> = forms[field];
  grant[field] = readValue(`its grant's ${field}`, form, value);
}

function writeField<Name extends Field>(written: PluginGrant, field: Name, value: Grant[Name]): void {
  const form: FieldForm<Name> = forms[field];
  if (value !== undefined && value !== null) written[field] = form.write(value);
}

function isField(name: string): name is Field {
  return Object.hasOwn(forms, name);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

// ------------------------------------------------------------ forms

function same<T>(value: T): T {
  return value;
}

function ofText<T>(parse: (text: string) => T | undefined): (value: unknown) => T | undefined {
  return (value) => (typeof value === 'string' ? parse(value) : undefined);
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function mtuOf(value: unknown): number | undefined {
  const octets = number(value);
  return octets !== undefined && Number.isInteger(octets) && octets >= mtus.least && octets <= mtus.most
    ? octets
    : undefined;
}

function listOf<Inside, Outside>(form: Form<Inside, Outside>): Form<readonly Inside[], readonly Outside[]> {
  return {
    is: `a list, each ${form.is}`,
    write: (values) => values.map(form.write),
    read(value) {
      if (!Array.isArray(value)) return undefined;
      const list = value.map(form.read).filter((each) => each !== undefined);
      return list.length === value.length ? list : undefined;
    },
  };
}

function rateOf(value: unknown): RateLimit | 'none' | undefined {
  if (value === 'none') return value;
  const txBps = isObject(value) ? number(value.txBps) : undefined;
  const rxBps = isObject(value) ? number(value.rxBps) : undefined;
  return txBps === undefined || rxBps === undefined ? undefined : { txBps, rxBps };
}

function tunnelOf(value: unknown): GrantedTunnel | undefined {
  if (!isObject(value)) return undefined;
  const { remoteAddress, localAddress, hostName, assignmentId, privateGroupId, secret } = value;
  if (typeof remoteAddress !== 'string' || !remoteAddress) return undefined;
  const texts = { localAddress, hostName, assignmentId, privateGroupId };
  if (!isTexts(texts)) return undefined;
  if (secret === undefined || secret instanceof Secret) return { ...texts, remoteAddress, secret };
  return typeof secret === 'string' ? { ...texts, remoteAddress, secret: new Secret(secret) } : undefined;
}

type Texts = Pick<PluginTunnel, 'localAddress' | 'hostName' | 'assignmentId' | 'privateGroupId'>;

function isTexts(texts: Readonly<Partial<Record<keyof Texts, unknown>>>): texts is Texts {
  return Object.values(texts).every((text) => text === undefined || typeof text === 'string');
}

/** A network, nothing being set behind its prefix. */
function cidr(text: string): string | undefined {
  const [, address, length] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (address === undefined) return undefined;
  const four = parseIpv4(address);
  const value = four === undefined ? parseIpv6(address) : BigInt(four);
  const rest = (four === undefined ? 128 : 32) - Number(length);
  if (value === undefined || rest < 0) return undefined;
  return (value >> BigInt(rest)) << BigInt(rest) === value ? text : undefined;
}

function parseInterfaceId(text: string): bigint | undefined {
  return /^[\da-f]{1,4}(:[\da-f]{1,4}){3}$/i.test(text) ? parseIpv6(`::${text}`) : undefined;
}

function formatInterfaceId(id: bigint): string {
  return [48n, 32n, 16n, 0n].map((shift) => ((id >> shift) & 0xffffn).toString(16)).join(':');
}
