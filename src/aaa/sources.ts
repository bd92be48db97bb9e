/** Who may stand behind the AAA port: each kind of source as the composition sees it. */
import type { AccountRecord, AllocateRequest, AuthenticateAnswer, AuthenticateRequest, Grant } from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import type { Ipv4, Ipv6Prefix, RadiusSpec, RadiusView, SessionCounters } from '../engine/spec.ts';

export interface RadiusAaa {
  /** undefined: no longer, but what it was told of live calls it still has to tell. */
  configure(spec: RadiusSpec | undefined): void;
  authenticate(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer) => void): void;
  account(record: AccountRecord, counters: SessionCounters): void;
  release(session: SessionKey): void;
  /** undefined: it is not configured. */
  view(): RadiusView | undefined;
  close(): Promise<void>;
}

/** The sources that are always there, on which a plugin may build. */
export type Base = 'local' | 'radius';

/** What a plugin gives out itself; of what it leaves out, that which was asked for counts. */
export interface GivenAddresses {
  ipv4?: Ipv4;
  prefix?: Ipv6Prefix;
  delegated?: Ipv6Prefix;
}

/** A plugin as a source. Every question is answered exactly once, later. What goes wrong in it, it has told by then. */
export interface PluginAaa {
  /** Who does what the plugin does not. */
  readonly base?: Base;
  /** undefined: the base is to be asked. */
  authenticate?(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer | undefined) => void): void;
  /** The grant that is in force instead; undefined: it failed. */
  authorise?(request: AuthenticateRequest, grant: Grant, answer: (grant: Grant | undefined) => void): void;
  /** undefined: it failed. */
  allocate?(request: AllocateRequest, answer: (given: GivenAddresses | undefined) => void): void;
  account?(record: AccountRecord, counters: SessionCounters): void;
  release?(session: SessionKey): void;
}

export interface PluginSources {
  /** undefined: it is not loaded, or provides no AAA. */
  aaa(plugin: string): PluginAaa | undefined;
}
