/**
 * Tells RADIUS servers what sessions used (RFC 2866), and when we begin and end ourselves. Records go through the spool,
 * whose promise is theirs.
 */
import type { AccountRecord } from '../../engine/aaa.ts';
import type { RadiusServerView, RadiusSpec, SessionCounters } from '../../engine/spec.ts';
import { Delivery } from './accounting-delivery.ts';
import { crashStop, fromOctets, recordAttributes, statusTypes, toOctets } from './accounting-record.ts';
import { nasAttributes } from './call-attributes.ts';
import { RadiusClient } from './client.ts';
import type { Clock } from './clock.ts';
import type { Attributes } from './dictionary.ts';
import type { RadiusSessions } from './sessions.ts';
import { Spool } from './spool.ts';
import type { SpoolEntry } from './spool-entry.ts';
import type { SpoolStorage } from './spool-storage.ts';
import type { OpenChannel } from './udp.ts';

/** When the daemon ends: how long the last records may take to be told, and then Accounting-Off. */
const lastRecordsMs = 5_000;
const offMs = 2_000;

export interface AccountingParts {
  sessions: RadiusSessions;
  clock: Clock;
  open: OpenChannel;
  storage: SpoolStorage;
  /** Something went wrong that keeps nobody from being served, in words for the operator. */
  onTrouble(message: string): void;
}

export class RadiusAccounting {
  readonly #sessions: RadiusSessions;
  readonly #clock: Clock;
  readonly #client: RadiusClient;
  readonly #spool: Spool;
  readonly #delivery: Delivery;
  readonly #onTrouble: (message: string) => void;
  #nas: Attributes = {};
  #isAsked = false;
  #isOn = false;
  #isOpen = false;
  /** Called when all records are told. */
  #onTold: (() => void) | undefined;

  constructor({ sessions, clock, open, storage, onTrouble }: AccountingParts) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
    this.#client = new RadiusClient(clock, open);
    this.#delivery = new Delivery(
      {
        send: (entry, answer) => void this.#send(entry, answer),
        acknowledged: (entry) => this.#done(entry),
        givenUp: (entry) => {
          onTrouble(`accounting ${entry.kind} of session ${entry.session}: no server takes it; it is given up`);
          this.#done(entry);
        },
      },
      clock,
    );
    this.#spool = new Spool(storage, clock, { ready: (entry) => this.#delivery.add(entry), trouble: onTrouble });
  }

  /**
   * Takes over what an earlier run has left. Records may come before.
   * @throws Error when another daemon has the spool, or the system refuses
   */
  async open(): Promise<void> {
    await this.#spool.open((last) => {
      const attributes = this.#decode(last);
      return attributes && this.#encode(crashStop(attributes));
    });
    this.#isOpen = true;
    this.#sayOn();
  }

  /** Records that wait go to these servers too. Without any, sessions of which a server knows are told of later. */
  configure(spec: RadiusSpec): void {
    const told = spec.servers.filter(({ acctPort }) => acctPort !== 0);
    this.#isAsked = told.length > 0;
    if (this.#isAsked) this.#nas = nasAttributes(spec);
    this.#client.configure(
      told.map(({ acctPort, ...server }) => ({ ...server, port: acctPort })),
      spec.deadTimeMs,
    );
    this.#sayOn();
    this.#delivery.hurry();
  }

  account(record: AccountRecord, counters: SessionCounters): void {
    const session = this.#sessions.of(record.session);
    if (!this.#isAsked && !this.#spool.knows(session.acctSessionId)) return;
    const atMs = this.#clock.wall();
    const attributes = recordAttributes(record, counters, session, this.#nas, atMs);
    const content = this.#encode(attributes);
    if (content) this.#spool.append({ session: session.acctSessionId, kind: record.event, atMs, content });
  }

  /** Tells what can be told within some seconds; the rest is told after the next start. */
  async close(): Promise<void> {
    if (this.#isOpen && this.#spool.pending > 0) {
      await this.#within(lastRecordsMs, (told) => {
        this.#onTold = told;
      });
    }
    this.#delivery.stop();
    if (this.#isOn && this.#spool.pending === 0) {
      await this.#within(offMs, (told) => this.#ask(this.#about(statusTypes.accountingOff), told));
    }
    await this.#spool.close();
    this.#client.close();
  }

  /** How many records wait for a server. */
  get spooled(): number {
    return this.#spool.pending;
  }

  /** Undefined: that server is not told. */
  view(address: string, port: number): RadiusServerView | undefined {
    return this.#client.view(address, port);
  }

  /** Once, when the servers are first known: later it would end, for a server, all sessions that are live. */
  #sayOn(): void {
    if (!this.#isOpen || !this.#isAsked || this.#isOn) return;
    this.#isOn = true;
    this.#delivery.say({
      send: (answer) => this.#ask(this.#about(statusTypes.accountingOn), answer),
      givenUp: () => this.#onTrouble('no RADIUS server has taken Accounting-On; the records go on without it'),
    });
  }

  /** RFC 2866 5.5: every Accounting-Request has an Acct-Session-Id. */
  #about(acctStatusType: number): Attributes {
    const eventTimestamp = Math.floor(this.#clock.wall() / 1000);
    return { ...this.#nas, acctStatusType, acctSessionId: this.#sessions.life, eventTimestamp };
  }

  async #send(entry: SpoolEntry, answer: (acknowledged: boolean) => void): Promise<void> {
    const content = entry.content ?? (await this.#spool.read(entry));
    const attributes = content && this.#decode(content);
    if (attributes === undefined) return answer(false);
    // RFC 2866 5.2. Repetitions within a question are the same octets (RFC 5080 2.2.1): Event-Timestamp is exact.
    const acctDelayTime = Math.max(0, Math.round((this.#clock.wall() - entry.atMs) / 1000));
    this.#ask({ ...attributes, acctDelayTime }, answer);
  }

  #decode(content: Uint8Array): Attributes | undefined {
    try {
      return fromOctets(content);
    } catch (error) {
      this.#onTrouble(`an accounting record is damaged on disk: ${messageOf(error)}`);
      return undefined;
    }
  }

  #ask(attributes: Attributes, answer: (acknowledged: boolean) => void): void {
    this.#client.ask('accountingRequest', attributes, (outcome) => answer(!('failure' in outcome)));
  }

  #done(entry: SpoolEntry): void {
    this.#spool.acknowledge(entry);
    if (this.#spool.pending === 0) this.#onTold?.();
  }

  /** What says most goes first where not all fits. */
  #encode(attributes: Attributes): Uint8Array | undefined {
    try {
      // What is added when it is sent takes room too.
      return toOctets({ ...attributes, acctDelayTime: 0 });
    } catch (error) {
      if (attributes.class !== undefined) return this.#encode({ ...attributes, class: undefined });
      this.#onTrouble(`accounting of session ${attributes.acctSessionId}: ${messageOf(error)}`);
      return undefined;
    }
  }

  #within(ms: number, begin: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(ms, resolve);
      begin(() => {
        cancel();
        resolve();
      });
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
