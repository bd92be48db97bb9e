import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { isJournal, LogDestination, parseSyslogServer } from '../../src/trace/destination.ts';

const sockets: ReturnType<typeof createSocket>[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

it('gives journald the severity of each line', () => {
  const lines: string[] = [];
  const log = pino(
    { level: 'trace', base: undefined },
    new LogDestination((line) => lines.push(line), { journal: true }),
  );
  log.trace('traced');
  log.info('told');
  log.error('wrong');
  expect(lines.map((line) => line.slice(0, 4))).toEqual(['<7>{', '<6>{', '<3>{']);
});

it('sends each line to the syslog server as well', async () => {
  const server = createSocket('udp4');
  sockets.push(server);
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const heard = once(server, 'message');
  const syslog = { address: '127.0.0.1', port: server.address().port };
  const lines: string[] = [];
  const log = pino({ base: undefined }, new LogDestination((line) => lines.push(line), { journal: false, syslog }));
  log.warn('something');
  const [message] = await heard;
  // RFC 5424 6: <PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG; daemon is 3, warning 4.
  expect(String(message)).toMatch(/^<28>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ prol2tpd \d+ - - \{.*"msg":"something"\}$/);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('something');
});

it('knows whether journald reads it', () => {
  const { dev, ino } = fstatSync(1);
  expect(isJournal(1, `${dev}:${ino}`)).toBe(true);
  expect(isJournal(1, `${dev}:${ino + 1}`)).toBe(false);
  expect(isJournal(1, undefined)).toBe(process.env.JOURNAL_STREAM === `${dev}:${ino}`);
});

it('reads the address of a syslog server', () => {
  expect(parseSyslogServer('192.0.2.1')).toEqual({ address: '192.0.2.1', port: 514 });
  expect(parseSyslogServer('[2001:db8::1]:1514')).toEqual({ address: '2001:db8::1', port: 1514 });
  for (const wrong of ['', 'host', '192.0.2.1:0', '192.0.2.1:70000', '2001:db8::1']) {
    expect(() => parseSyslogServer(wrong)).toThrow('is not ADDRESS');
  }
});
