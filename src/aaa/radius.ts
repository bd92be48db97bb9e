/** RADIUS as a source of subscribers: who they are, what they used, and what servers want of live calls. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { AaaEvents, AccountRecord, AuthenticateAnswer, AuthenticateRequest } from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import type { RadiusServerView, RadiusSpec, RadiusView, SessionCounters } from '../engine/spec.ts';
import { RadiusAccounting } from './radius/accounting.ts';
import { RadiusAuthentication } from './radius/authentication.ts';
import type { Clock } from './radius/clock.ts';
import { DynamicServer } from './radius/dynamic.ts';
import { RadiusSessions } from './radius/sessions.ts';
import { SpoolDirectory } from './radius/spool-storage.ts';
import { type OpenChannel, openUdpChannel } from './radius/udp.ts';
import type { RadiusAaa } from './sources.ts';

/** When the spool could not be had: how long until it is tried again. */
const reopenMs = 30_000;

interface RadiusParts {
  stateDirectory: string;
  clock: Clock;
  /** What servers want of live calls unasked. */
  events: AaaEvents;
  /** Something went wrong that keeps nobody from being served. */
  onFailure(message: string): void;
  /** Absent: UDP. */
  open?: OpenChannel;
}

export class Radius implements RadiusAaa {
  readonly #clock: Clock;
  readonly #onFailure: (message: string) => void;
  readonly #authentication: RadiusAuthentication;
  readonly #accounting: RadiusAccounting;
  readonly #dynamic: DynamicServer;
  #spec: RadiusSpec | undefined;
  #opening: Promise<void> | undefined;

  constructor({ stateDirectory, clock, events, onFailure, open = openUdpChannel }: RadiusParts) {
    this.#clock = clock;
    this.#onFailure = onFailure;
    const sessions = new RadiusSessions(lifeOf(clock));
    this.#authentication = new RadiusAuthentication(sessions, clock, open);
    this.#accounting = new RadiusAccounting({
      sessions,
      clock,
      open,
      storage: new SpoolDirectory(join(stateDirectory, 'accounting')),
      onTrouble: onFailure,
    });
    this.#dynamic = new DynamicServer({ sessions, clock, events, onTrouble: onFailure });
  }

  configure(spec: RadiusSpec | undefined): void {
    if (!spec && !this.#spec) return;
    const servers = spec ?? { servers: [], nasIdentifier: '', interimIntervalMs: 0, deadTimeMs: 0 };
    this.#spec = spec;
    this.#authentication.configure(servers);
    this.#accounting.configure(servers);
    this.#dynamic.configure(spec);
    // Not before: what nobody uses needs no directory.
    this.#opening ??= this.#open();
  }

  authenticate(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer) => void): void {
    this.#authentication.authenticate(request, (verdict) => answer(this.#withInterims(verdict)));
  }

  account(record: AccountRecord, counters: SessionCounters): void {
    this.#accounting.account(record, counters);
    this.#dynamic.account(record);
  }

  release(session: SessionKey): void {
    this.#authentication.release(session);
  }

  view(): RadiusView | undefined {
    if (!this.#spec) return undefined;
    const servers = this.#spec.servers.map(({ address, authPort, acctPort }) => {
      const total = sum(address, [
        this.#authentication.view(address, authPort),
        this.#accounting.view(address, acctPort),
      ]);
      return { ...total, drops: total.drops + this.#dynamic.dropped(address) };
    });
    return { servers, spooled: this.#accounting.spooled };
  }

  async close(): Promise<void> {
    this.#dynamic.close();
    this.#authentication.close();
    await this.#opening;
    await this.#accounting.close();
  }

  /** What the Gateway says of all calls is the least that counts. */
  #withInterims(verdict: AuthenticateAnswer): AuthenticateAnswer {
    const { interimIntervalMs = 0 } = this.#spec ?? {};
    if (verdict.verdict !== 'accept' || interimIntervalMs === 0) return verdict;
    return { ...verdict, grant: { ...verdict.grant, usualInterimIntervalMs: interimIntervalMs } };
  }

  async #open(): Promise<void> {
    try {
      await this.#accounting.open();
    } catch (error) {
      this.#onFailure(`accounting: ${error instanceof Error ? error.message : String(error)}`);
      this.#clock.setTimer(reopenMs, () => {
        this.#opening = this.#open();
      });
    }
  }
}

/** Not that of any other life of any daemon. */
function lifeOf(clock: Clock): string {
  return `${Math.floor(clock.wall() / 1000).toString(16)}${randomBytes(3).toString('hex')}`;
}

/** One server, as far as it is asked and told. */
function sum(address: string, parts: readonly (RadiusServerView | undefined)[]): RadiusServerView {
  const total: RadiusServerView = { address, alive: true, requests: 0, accepts: 0, rejects: 0, timeouts: 0, drops: 0 };
  for (const part of parts) {
    if (!part) continue;
    total.alive &&= part.alive;
    total.requests += part.requests;
    total.accepts += part.accepts;
    total.rejects += part.rejects;
    total.timeouts += part.timeouts;
    total.drops += part.drops;
    total.lastError ??= part.lastError;
  }
  return total;
}
