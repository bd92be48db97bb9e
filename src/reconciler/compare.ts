/** Two specs side by side, field by field. */
import { formatIpv4, formatIpv6, formatIpv6Prefix, type Ipv6Prefix, Secret } from '../engine/spec.ts';
import { formatDuration, formatRate } from './units.ts';

export interface Difference {
  /** Steps to the field; a list whose items have names is walked by name. */
  path: readonly string[];
  before: unknown;
  after: unknown;
}

/** Equal in all fields; a field that is undefined equals one that is absent. Secrets are compared as such. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a instanceof Secret || b instanceof Secret) return a instanceof Secret && b instanceof Secret && a.equals(b);
  if (a instanceof Uint8Array || b instanceof Uint8Array) return sameOctets(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => same(item, b[at]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  return keysOf(a, b).every((key) => same(a[key], b[key]));
}

function sameOctets(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return false;
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}

/** The old object where it equals the new one, so that later comparisons see at once that nothing changed. */
export function reuse<T>(before: T | undefined, now: T): T {
  return before !== undefined && same(before, now) ? before : now;
}

export function differences(before: unknown, after: unknown, path: readonly string[] = []): Difference[] {
  if (same(before, after)) return [];
  const a = byName(before);
  const b = byName(after);
  if (!a || !b) return [{ path, before, after }];
  const found = keysOf(a, b).flatMap((key) => differences(a[key], b[key], [...path, key]));
  // Only the order of a list differs.
  return found.length > 0 ? found : [{ path, before, after }];
}

/** How many differences are told one by one. */
const toldLimit = 4;

/** For the operator: `helloInterval 60s -> 30s, secret changed`. */
export function tell(found: readonly Difference[]): string {
  const told = found.slice(0, toldLimit).map(tellOne);
  if (found.length > toldLimit) told.push(`and ${found.length - toldLimit} more`);
  return told.join(', ');
}

function tellOne({ path, before, after }: Difference): string {
  const last = path.at(-1) ?? '';
  const name = path
    .filter((step) => step !== 'parameters')
    .map((step) => declaredNames[step] ?? step.replace(/Ms$/, ''))
    .join('.');
  if (before instanceof Secret || after instanceof Secret) return `${name} changed`;
  if (before === undefined && isRecord(after)) return `${name} added`;
  if (after === undefined && isRecord(before)) return `${name} removed`;
  const [was, is] = [valueText(before, last), valueText(after, last)];
  // Secrets look alike.
  return was === is ? `${name} changed` : `${name} ${was} -> ${is}`;
}

/** Where resources call a field otherwise. */
const declaredNames: Readonly<Record<string, string | undefined>> = {
  connectSpeedBps: 'connectSpeed',
  rate: 'rateLimit',
  txBps: 'tx',
  rxBps: 'rx',
  maxConnectMs: 'maxConnectTime',
  delegated: 'delegatedPrefix',
};

const addressFields = new Set(['local', 'remote', 'dns', 'wins', 'first', 'last', 'ipv4']);

function valueText(value: unknown, field: string): string {
  if (value === undefined) return 'none';
  if (Array.isArray(value)) return `[${value.map((item) => valueText(item, field)).join(', ')}]`;
  if (value instanceof Secret) return 'secret';
  if (value instanceof Uint8Array) return Array.from(value, (octet) => octet.toString(16).padStart(2, '0')).join('');
  if (isPrefix(value)) return formatIpv6Prefix(value);
  if (isRecord(value)) {
    const given = Object.entries(value).filter(([, item]) => item !== undefined && item !== false);
    const parts = given.map(([key, item]) => (item === true ? key : valueText(item, key)));
    return parts.join('-');
  }
  if (typeof value === 'number' && field.endsWith('Ms')) return formatDuration(value);
  if (typeof value === 'number' && addressFields.has(field)) return formatIpv4(value);
  if (typeof value === 'number' && /^[tr]xBps$/.test(field)) return formatRate(value);
  if (typeof value === 'bigint' && field === 'dns') return formatIpv6(value);
  return String(value);
}

function isPrefix(value: unknown): value is Ipv6Prefix {
  return isRecord(value) && typeof value.high === 'bigint' && typeof value.length === 'number';
}

/** An object as it is, a list of named objects by name; undefined for what is not walked into. */
function byName(value: unknown): Record<string, unknown> | undefined {
  if (isRecord(value)) return value;
  if (!Array.isArray(value) || !value.every((item) => isRecord(item) && typeof item.name === 'string'))
    return undefined;
  return Object.fromEntries(value.map((item: Record<string, unknown>) => [String(item.name), item]));
}

function keysOf(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return !(Array.isArray(value) || value instanceof Secret || value instanceof Uint8Array);
}
