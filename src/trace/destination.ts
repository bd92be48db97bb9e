/** Where log lines go: standard output, and a syslog server if there is one. */
import { createSocket, type Socket } from 'node:dgram';
import { fstatSync } from 'node:fs';
import { hostname } from 'node:os';

/** Datagrams that wait to be sent to the syslog server. */
const maxUnsent = 1_000;
/** RFC 5426 3.2: more than any receiver must take. */
const maxSyslogOctets = 2_048;
/** RFC 5424 6.2.1: system daemons. */
const facility = 3;

/** pino's levels as severities of RFC 5424 6.2.1. */
const severities: readonly (readonly [level: number, severity: number])[] = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
  [0, 7],
];

/** pino's mark of a destination that wants `lastLevel`. */
const wantsMetadata = Symbol.for('pino.metadata');

export interface SyslogServer {
  address: string;
  port: number;
}

/** Whether journald reads this file descriptor of ours (systemd.exec(5), JOURNAL_STREAM). */
export function isJournal(descriptor: number, stream = process.env.JOURNAL_STREAM): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(descriptor);
  return stream === `${dev}:${ino}`;
}

/** A destination for pino, which tells it the level of each line. */
export class LogDestination {
  readonly [wantsMetadata] = true;
  lastLevel = 30;
  private readonly out: (line: string) => void;
  /** journald reads a severity that stands before the line (sd-daemon(3)). */
  private readonly journal: boolean;
  private readonly syslog: Syslog | undefined;

  constructor(out: (line: string) => void, options: { journal: boolean; syslog?: SyslogServer }) {
    this.out = out;
    this.journal = options.journal;
    this.syslog = options.syslog && new Syslog(options.syslog);
  }

  write(line: string): void {
    const severity = severities.find(([level]) => this.lastLevel >= level)?.[1] ?? 7;
    this.out(this.journal ? `<${severity}>${line}` : line);
    this.syslog?.send(severity, line.trimEnd());
  }
}

/** RFC 5424 messages in UDP datagrams (RFC 5426). What cannot be sent is lost, as syslog is. */
class Syslog {
  private readonly server: SyslogServer;
  private readonly socket: Socket;
  private unsent = 0;

  constructor(server: SyslogServer) {
    this.server = server;
    this.socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
    this.socket.on('error', () => undefined);
    this.socket.unref();
  }

  send(severity: number, text: string): void {
    if (this.unsent >= maxUnsent) return;
    this.unsent++;
    const head = `<${facility * 8 + severity}>1 ${new Date().toISOString()} ${hostname()} prol2tpd ${process.pid} - - `;
    const message = Buffer.from(head + text).subarray(0, maxSyslogOctets);
    this.socket.send(message, this.server.port, this.server.address, () => {
      this.unsent--;
    });
  }
}

/** `ADDRESS:PORT`, an IPv6 address in brackets; without a port 514. @throws Error */
export function parseSyslogServer(text: string): SyslogServer {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(\d{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 514);
  if (address === undefined || port < 1 || port > 65_535) {
    throw new Error(`${text} is not ADDRESS or ADDRESS:PORT, an IPv6 address in brackets`);
  }
  return { address, port };
}
