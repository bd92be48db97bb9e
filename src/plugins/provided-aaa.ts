/** A plugin's AAA as the daemon asks it: in its own forms, and whatever the plugin answers. */
import type {
  AccountRecord,
  AllocateRequest,
  AuthenticateAnswer,
  AuthenticateRequest,
  Grant,
  Wanted,
} from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import { type Ipv4, type Ipv6Prefix, Secret, type SessionCounters } from '../engine/spec.ts';
import type { AaaProvider, PluginWanted } from './api.ts';
import { type Asking, type Outcome, reasonOf } from './asking.ts';
import { addressForms, isObject, readGrant, readValue, writeGrant } from './grant.ts';

interface Addresses {
  ipv4?: Ipv4;
  prefix?: Ipv6Prefix;
  delegated?: Ipv6Prefix;
}

export class ProvidedAaa {
  readonly base: AaaProvider['base'];
  private readonly name: string;
  private readonly provider: AaaProvider;
  private readonly asking: Asking;
  private readonly onFailure: (message: string) => void;
  readonly authenticate: typeof this.askAuthenticate | undefined;
  readonly authorise: typeof this.askAuthorise | undefined;
  readonly allocate: typeof this.askAllocate | undefined;

  /** What the plugin does not provide is undefined. `onFailure` is told of what goes wrong in it. */
  constructor(name: string, provider: AaaProvider, asking: Asking, onFailure: (message: string) => void) {
    const { base } = provider;
    if (base !== undefined && base !== 'local' && base !== 'radius')
      throw new Error('its base is neither local nor radius');
    this.name = name;
    this.provider = provider;
    this.asking = asking;
    this.onFailure = onFailure;
    this.base = base;
    this.authenticate = provider.authenticate && this.askAuthenticate;
    this.authorise = provider.authorise && this.askAuthorise;
    this.allocate = provider.allocate && this.askAllocate;
  }

  account(record: AccountRecord, counters: SessionCounters): void {
    const { ipv4, prefix, delegated, interfaceId, ...facts } = record;
    const told = {
      ...facts,
      ipv4: ipv4 === undefined ? undefined : addressForms.ipv4.write(ipv4),
      prefix: prefix && addressForms.prefix.write(prefix),
      delegated: delegated && addressForms.delegated.write(delegated),
      interfaceId: interfaceId === undefined ? undefined : addressForms.interfaceId.write(interfaceId),
    };
    this.tell(() => this.provider.account?.(told, { ...counters }));
  }

  release(session: SessionKey): void {
    this.tell(() => this.provider.release?.(session));
  }

  private askAuthenticate(
    request: AuthenticateRequest,
    answer: (answer: AuthenticateAnswer | undefined) => void,
  ): void {
    this.asking.ask(
      () => this.provider.authenticate?.({ ...request }),
      (outcome) => {
        const read = this.read(outcome, readAnswer);
        const message = `plugin ${this.name} failed`;
        answer('failure' in read ? { verdict: 'reject', message, undecided: true } : read.value);
      },
    );
  }

  private askAuthorise(request: AuthenticateRequest, grant: Grant, answer: (grant: Grant | undefined) => void): void {
    this.asking.ask(
      () => this.provider.authorise?.({ ...request }, writeGrant(grant)),
      (outcome) => {
        const read = this.read(outcome, readGrant);
        answer('failure' in read ? undefined : (read.value ?? grant));
      },
    );
  }

  private askAllocate(request: AllocateRequest, answer: (given: Addresses | undefined) => void): void {
    const { ipv4, prefix, delegated, ...facts } = request;
    const question = {
      ...facts,
      ipv4: written(ipv4, addressForms.ipv4.write),
      prefix: written(prefix, addressForms.prefix.write),
      delegated: written(delegated, addressForms.delegated.write),
    };
    this.asking.ask(
      () => this.provider.allocate?.(question),
      (outcome) => {
        const read = this.read(outcome, readAddresses);
        answer('failure' in read ? undefined : (read.value ?? {}));
      },
    );
  }

  /** The plugin's answer as we write it; undefined when it has none. A failure has been told. */
  private read<T>(outcome: Outcome, read: (value: unknown) => T): { value: T | undefined } | { failure: string } {
    if ('failure' in outcome) {
      this.onFailure(outcome.failure);
      return outcome;
    }
    if (outcome.value === undefined || outcome.value === null) return { value: undefined };
    try {
      return { value: read(outcome.value) };
    } catch (error) {
      const failure = reasonOf(error);
      this.onFailure(failure);
      return { failure };
    }
  }

  private tell(told: () => unknown): void {
    void Promise.resolve()
      .then(told)
      .catch((error: unknown) => this.onFailure(reasonOf(error)));
  }
}

function readAnswer(value: unknown): AuthenticateAnswer {
  const { verdict, password, grant = {}, message, reply } = isObject(value) ? value : {};
  switch (verdict) {
    case 'check': {
      const secret = typeof password === 'string' ? new Secret(password) : password;
      if (!(secret instanceof Secret)) throw new Error("its answer 'check' has no password");
      return { verdict, secret, grant: readGrant(grant) };
    }
    case 'accept':
      return { verdict, grant: readGrant(grant) };
    case 'reject': {
      const told = typeof reply === 'string' ? reply : undefined;
      return { verdict, message: typeof message === 'string' ? message : 'the plugin refuses the user', reply: told };
    }
    default:
      throw new Error("its answer's verdict is none of check, accept and reject");
  }
}

function readAddresses(value: unknown): Addresses {
  const { ipv4, prefix, delegated } = isObject(value) ? value : {};
  return {
    ipv4: ipv4 === undefined ? undefined : readValue('its ipv4', addressForms.ipv4, ipv4),
    prefix: prefix === undefined ? undefined : readValue('its prefix', addressForms.prefix, prefix),
    delegated: delegated === undefined ? undefined : readValue('its delegated', addressForms.delegated, delegated),
  };
}

function written<T>(wanted: Wanted<T> | undefined, write: (value: T) => string): PluginWanted | undefined {
  return wanted && { pool: wanted.pool, fixed: wanted.fixed === undefined ? undefined : write(wanted.fixed) };
}
