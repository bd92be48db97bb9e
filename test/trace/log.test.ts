import { expect, it } from 'vitest';
import { traceLog } from '../../src/trace/log.ts';

it('writes so many lines in a second, and says how many it left out', () => {
  let now = 1_000;
  const traced: string[] = [];
  const warned: object[] = [];
  const log = { trace: (_: object, text: string) => traced.push(text), warn: (fields: object) => warned.push(fields) };
  const record = traceLog(log, () => now);
  for (let line = 0; line < 2_500; line++) record({ category: 'fsm', message: 'x' });
  expect(traced.length).toBe(2_000);
  now += 1_000;
  record({ category: 'fsm', message: 'y' });
  expect(warned).toEqual([{ dropped: 500 }]);
  expect(traced.at(-1)).toBe('y');
});

it('tells what is wrong as a warning', () => {
  const lines: unknown[] = [];
  const log = {
    trace: (fields: object, text: string) => lines.push(['trace', fields, text]),
    warn: (fields: object, text: string) => lines.push(['warn', fields, text]),
  };
  const record = traceLog(log, () => 0);
  record({ category: 'fsm', tunnel: 'to-lns', message: 'up', fields: { a: 1 } });
  record({ category: 'protocol', tunnel: 'to-lns', message: 'odd', error: true });
  expect(lines).toEqual([
    ['trace', { trace: 'fsm', tunnel: 'to-lns', session: undefined, a: 1 }, 'up'],
    ['warn', { trace: 'protocol', tunnel: 'to-lns', session: undefined }, 'odd'],
  ]);
});
