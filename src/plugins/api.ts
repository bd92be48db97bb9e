/**
 * What plugins are written against. A plugin is an ECMAScript module whose default export is a `Plugin`:
 *
 *     export default function (api, config) { api.onSession(({ event, name }) => api.log(`${name}: ${event}`)); }
 */
import type { ForwardRequest } from '../engine/ports.ts';
import type { SessionView, TunnelView } from '../engine/spec.ts';

/** Called once when the daemon loads it. `config` is what the Gateway says. What it throws keeps it from being loaded. */
export type Plugin = (api: PluginApi, config: unknown) => void | Promise<void>;

export interface PluginApi {
  /** The plugin's name in the Gateway. */
  readonly name: string;
  /** From now on such AVPs do not end calls when their M bit is set, and are shown in words. */
  understandAvp(avp: VendorAvp): void;
  /** Chooses the way of calls whose rule names this plugin. The last one that is given counts. */
  chooseForward(choose: ChooseForward): void;
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
