import { describe, expect, test } from 'vitest';
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
