import type { DeclarationError } from '../api/types.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long ago, in kubectl's manner: `45s`, `5m30s`, `36h`, `12d`. */
export function formatAge(fromIso: string | undefined, nowMs: number): string {
  if (fromIso === undefined) return '-';
  const ms = Math.max(0, nowMs - Date.parse(fromIso));
  if (ms < 2 * MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < 10 * MINUTE_MS) return twoUnits(ms, MINUTE_MS, 'm', SECOND_MS, 's');
  if (ms < 3 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < 8 * HOUR_MS) return twoUnits(ms, HOUR_MS, 'h', MINUTE_MS, 'm');
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  if (ms < 8 * DAY_MS) return twoUnits(ms, DAY_MS, 'd', HOUR_MS, 'h');
  return `${Math.floor(ms / DAY_MS)}d`;
}

function twoUnits(ms: number, bigMs: number, big: string, smallMs: number, small: string): string {
  const rest = Math.floor((ms % bigMs) / smallMs);
  return `${Math.floor(ms / bigMs)}${big}${rest === 0 ? '' : `${rest}${small}`}`;
}

/** `832B`, `1.5KiB`, `12MiB`. */
export function formatOctets(octets: number | undefined): string {
  if (octets === undefined) return '-';
  let value = octets;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) return `${shortNumber(value)}${unit}`;
    value /= 1024;
  }
  return `${shortNumber(value)}TiB`;
}

function shortNumber(value: number): string {
  return value < 10 ? String(Math.floor(value * 10) / 10) : String(Math.floor(value));
}

/** Bits per second: `100M`, `64k`, `1500`. */
export function formatRate(bps: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (bps > 0 && bps % size === 0) return `${bps / size}${unit}`;
  }
  return String(bps);
}

/** Without a port directly over IP. */
export function formatEndpoint({ address, port }: { address: string; port: number }): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Text as a peer may have sent it, without anything that a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** `file:line:column: Kind/name: path: message`, leaving out what is not known. */
export function formatPlace({ file, line, column, resource, path, message }: DeclarationError): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return [place, resource, path, message].filter((part) => part).join(': ');
}
