import { describe, expect, test } from 'vitest';
import type { TunnelObject } from '../../src/api/types.ts';
import { formatLastError, tunnelColumns } from '../../src/cli/columns.ts';
import { formatAge, formatEndpoint, formatOctets } from '../../src/cli/format.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('ages', () => {
  test.each([
    [0, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [5 * MINUTE + 30 * SECOND, '5m30s'],
    [10 * MINUTE + 30 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR + 5 * MINUTE, '3h5m'],
    [47 * HOUR, '47h'],
    [2 * DAY + 3 * HOUR, '2d3h'],
    [400 * DAY, '400d'],
    [-5 * SECOND, '0s'],
  ])('%i ms is %s', (ms, text) => {
    const from = Date.UTC(2026, 0, 1);
    expect(formatAge(new Date(from).toISOString(), from + ms)).toBe(text);
  });

  test('of nothing is a dash', () => expect(formatAge(undefined, 0)).toBe('-'));
});

test.each([
  [undefined, '-'],
  [0, '0B'],
  [1023, '1023B'],
  [1024, '1KiB'],
  [1536, '1.5KiB'],
  [10_240, '10KiB'],
  [3 * 2 ** 30, '3GiB'],
  [5000 * 2 ** 40, '5000TiB'],
])('%s octets are %s', (octets, text) => {
  expect(formatOctets(octets)).toBe(text);
});

test('IPv6 addresses stand in brackets before a port', () => {
  expect(formatEndpoint({ address: '2001:db8::1', port: 1701 })).toBe('[2001:db8::1]:1701');
});

test('the codes of an error are told once', () => {
  const time = '2026-03-01T12:00:00.000Z';
  const message = 'the peer does not know the secret (result 4 error 0)';
  expect(formatLastError({ time, result: 4, error: 0, message })).toBe(message);
  expect(formatLastError({ time, result: 4, message: 'refused' })).toBe('refused (result 4)');
});

test('what the system refuses is the last error of what never lived', () => {
  const lastError = tunnelColumns.find(({ title }) => title === 'LAST-ERROR');
  const lastTransitionTime = '2026-03-01T12:00:00.000Z';
  const message = 'openTunnel: cannot resolve lns.example.net';
  const tunnel: TunnelObject = {
    apiVersion: 'prol2tp.io/v1alpha1',
    kind: 'Tunnel',
    metadata: { name: 'x', generation: 1 },
    status: {
      direction: 'dialled',
      state: 'idle',
      conditions: [{ type: 'Ready', status: 'False', reason: 'ActionFailed', message, lastTransitionTime }],
    },
  };
  expect(lastError?.cell(tunnel, 0)).toBe(message);
});
