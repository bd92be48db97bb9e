import { expect, it } from 'vitest';
import { sessionObject } from '../../src/api/objects.ts';
import { FakeSource, sessionView } from './fake-source.ts';

it('shows AVPs that only a plugin understands in its words, and others in hexadecimal', () => {
  const value = new TextEncoder().encode('slot 3');
  const others = [
    { vendor: 9, type: 1, value },
    { vendor: 9, type: 2, value },
    { vendor: 9, type: 3, value, hidden: true as const },
  ];
  const { status } = sessionObject(new FakeSource(), sessionView({ call: {}, others }));
  expect(status.call).toEqual([
    { name: '9/1', label: 'Circuit', text: 'slot 3' },
    { name: '9/2', label: 'Vendor 9 Type 2', text: '736c6f742033' },
    { name: '9/3', label: 'Vendor 9 Type 3', text: '(6 octets, not shown)' },
  ]);
});
