/**
 * What plugins are written against. A plugin is an ECMAScript module whose default export is a `Plugin`:
 *
 *     export default function (api, config) { api.onSession(({ event, name }) => api.log(`${name}: ${event}`)); }
 */
import type {
  AccountRecord,
  AllocateRequest,
  AuthenticateRequest,
  Grant,
  GrantedTunnel,
  SessionLimits,
} from '../engine/aaa.ts';
import type { ForwardRequest } from '../engine/ports.ts';
import type { Secret, SessionCounters, SessionView, TunnelView } from '../engine/spec.ts';

/** Called once when the daemon loads it. `config` is what the Gateway says. What it throws keeps it from being loaded. */
export type Plugin = (api: PluginApi, config: unknown) => void | Promise<void>;

export interface PluginApi {
  /** The plugin's name in the Gateway. */
  readonly name: string;
  /** From now on such AVPs do not end calls when their M bit is set, and are shown in words. */
  understandAvp(avp: VendorAvp): void;
  /** Chooses the way of calls whose rule names this plugin. The last one that is given counts. */
  chooseForward(choose: ChooseForward): void;
  /** Says who the users are whose PppProfile names this plugin as its `aaa`, and what they get. The last one that is given counts. */
  provideAaa(provider: AaaProvider): void;
  /** Established tunnels, and their ends. */
  onTunnel(listener: (life: Life<'tunnelUp' | 'tunnelDown', TunnelView>) => void): void;
  /** Calls that carry user packets, and their ends. */
  onSession(listener: (life: Life<'sessionUp' | 'sessionDown', SessionView>) => void): void;
  /** One line in the daemon's log. */
  log(message: string): void;
}

/** An AVP that is not in the RFCs that the daemon knows. */
export interface VendorAvp {
  /** An SMI Private Enterprise Code. */
  vendor: number;
  type: number;
  /** For people. */
  label: string;
  /** The value for people, without secrets. What it throws leaves the value in hexadecimal. */
  text(value: Uint8Array): string;
}

/** A call that comes in. `others` are AVPs that only plugins understand. */
export type ForwardedCall = Pick<ForwardRequest, 'user' | 'call' | 'others'>;

/**
 * Names of declared Tunnels in the order of preference; undefined leaves the choice to the rule's own. So does an
 * answer that fails or takes longer than two seconds.
 */
export type ChooseForward = (
  call: ForwardedCall,
) => readonly string[] | undefined | Promise<readonly string[] | undefined>;

export interface Life<Event, View> {
  event: Event;
  /** The object's name in the API. */
  name: string;
  /** As it is; for one that ended, as it last was. */
  view: View;
  message: string;
}

/**
 * An AAA. Each part may be left out. Answers may be promises; one that takes longer than two seconds, fails or cannot be
 * understood lets nobody in, and gives nobody an address. Addresses are text.
 */
export interface AaaProvider {
  /** Who is asked and told besides: the declared Subscribers or RADIUS. */
  readonly base?: 'local' | 'radius';
  /** Who is it? undefined leaves it to `base`. With EAP it is asked for each of the peer's packets until it answers. */
  authenticate?(request: AuthenticateRequest): Later<Verdict | undefined>;
  /** What does one get who was let in, by this plugin or by `base`? The answer replaces the grant; undefined leaves it. */
  authorise?(request: AuthenticateRequest, grant: PluginGrant): Later<PluginGrant | undefined>;
  /** Addresses that are not the AddressPools'. What is left out is taken as it was wanted. Nobody else may have them. */
  allocate?(
    request: PluginAllocateRequest,
  ): Later<Partial<Record<'ipv4' | 'prefix' | 'delegated', string>> | undefined>;
  /** What was used. `base` is told too, if it was asked who it is. */
  account?(record: PluginAccountRecord, counters: SessionCounters): Later<void>;
  /** The call is gone. */
  release?(session: number): void;
}

export type Later<T> = T | Promise<T>;

export type Verdict =
  /** The daemon checks the user's proof against the password, whatever the method: the answer for CHAP, MS-CHAP and EAP. */
  | { verdict: 'check'; password: string | Secret; grant?: PluginGrant }
  /** The plugin has checked the proof. */
  | { verdict: 'accept'; grant?: PluginGrant }
  /** `message`: why, for the operator; `reply`: what the user is told. */
  | { verdict: 'reject'; message?: string; reply?: string };

/** What somebody gets. Absent: as the profile says. */
export interface PluginGrant
  extends SessionLimits,
    Pick<Grant, 'pool' | 'prefixPool' | 'delegationPool' | 'routes' | 'mtu' | 'usualInterimIntervalMs'> {
  ipv4?: string;
  /** Of the link: a /64. */
  prefix?: string;
  /** To networks behind the subscriber. */
  delegated?: string;
  /** Four groups of hexadecimal digits. */
  interfaceId?: string;
  dns?: readonly string[];
  dns6?: readonly string[];
  tunnels?: readonly PluginTunnel[];
}

/** A tunnel that nobody declared. */
export interface PluginTunnel extends Omit<GrantedTunnel, 'secret'> {
  readonly secret?: string | Secret;
}

/** This very one, or one of an AddressPool's. */
export interface PluginWanted {
  fixed?: string;
  pool?: string;
}

export interface PluginAllocateRequest extends Omit<AllocateRequest, 'ipv4' | 'prefix' | 'delegated'> {
  readonly ipv4?: PluginWanted;
  readonly prefix?: PluginWanted;
  readonly delegated?: PluginWanted;
}

export interface PluginAccountRecord extends Omit<AccountRecord, 'ipv4' | 'prefix' | 'delegated' | 'interfaceId'> {
  readonly ipv4?: string;
  readonly prefix?: string;
  readonly delegated?: string;
  readonly interfaceId?: string;
}
