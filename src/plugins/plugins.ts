/** The plugins of a daemon: loaded, asked, and kept from doing harm by failing. */
import { stat } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { SpecError } from '../engine/errors.ts';
import type { ForwardAnswer, ForwardRequest } from '../engine/ports.ts';
import type { OtherAvp, PluginSpec, SessionView, TunnelView } from '../engine/spec.ts';
import type { ChooseForward, Life, Plugin, PluginApi, VendorAvp } from './api.ts';
import { Asking, reasonOf } from './asking.ts';
import { ProvidedAaa } from './provided-aaa.ts';

/** Of what a plugin calls a value. */
const maxTextCharacters = 200;

/** What plugins tell the daemon. */
export interface PluginPorts {
  log(plugin: string, message: string): void;
  /** Something went wrong in a plugin. */
  onFailure(plugin: string, message: string): void;
}

type TunnelListener = Parameters<PluginApi['onTunnel']>[0];
type SessionListener = Parameters<PluginApi['onSession']>[0];

/** A plugin that was loaded. */
class Loaded {
  readonly avps: VendorAvp[] = [];
  readonly onTunnel: TunnelListener[] = [];
  readonly onSession: SessionListener[] = [];
  readonly asking = new Asking();
  chooseForward: ChooseForward | undefined;
  aaa: ProvidedAaa | undefined;

  api(name: string, ports: PluginPorts): PluginApi {
    return {
      name,
      understandAvp: (avp) => void this.avps.push(avp),
      chooseForward: (choose) => {
        this.chooseForward = choose;
      },
      provideAaa: (provider) => {
        this.aaa = new ProvidedAaa(name, provider, this.asking, (message) => ports.onFailure(name, message));
      },
      onTunnel: (listener) => void this.onTunnel.push(listener),
      onSession: (listener) => void this.onSession.push(listener),
      log: (message) => ports.log(name, String(message)),
    };
  }
}

export class Plugins {
  private readonly ports: PluginPorts;
  private loaded = new Map<string, { key: string; plugin: Loaded }>();
  private avps = new Map<string, VendorAvp>();
  /** What could not be loaded. */
  errors: readonly SpecError[] = [];

  constructor(ports: PluginPorts) {
    this.ports = ports;
  }

  /**
   * Loads what is new, or whose file or config changed, and forgets what is gone.
   * @throws Error naming each plugin that cannot be loaded; the others are in force
   */
  async configure(specs: readonly PluginSpec[]): Promise<void> {
    const loaded: typeof this.loaded = new Map();
    const errors: SpecError[] = [];
    for (const spec of specs) {
      const before = this.loaded.get(spec.name);
      try {
        const url = await urlOf(spec.module);
        const key = JSON.stringify([url, spec.config]);
        const plugin = before?.key === key ? before.plugin : await this.load(spec, url);
        loaded.set(spec.name, { key, plugin });
      } catch (error) {
        // What worked goes on as it was.
        if (before) loaded.set(spec.name, before);
        const at = { path: 'spec.plugins', file: spec.module };
        errors.push(new SpecError(`plugin ${spec.name} cannot be loaded: ${reasonOf(error)}`, at, 'Gateway'));
      }
    }
    this.loaded = loaded;
    this.avps = new Map();
    for (const { plugin } of loaded.values()) {
      for (const avp of plugin.avps) this.avps.set(keyOf(avp.vendor, avp.type), avp);
    }
    this.errors = errors;
    if (errors.length > 0) throw new Error(errors.map(String).join('; '));
  }

  private async load({ name, config }: PluginSpec, url: string): Promise<Loaded> {
    const { default: plugin }: { default?: unknown } = await import(url);
    if (!isPlugin(plugin)) throw new Error('its default export is not a function');
    const loaded = new Loaded();
    await plugin(loaded.api(name, this.ports), config);
    return loaded;
  }

  // ------------------------------------------------------------ AVPs

  readonly knows = (vendor: number, type: number): boolean => {
    return this.avps.size > 0 && this.avps.has(keyOf(vendor, type));
  };

  /** The AVP in words, if a plugin has some. Who hid one does not want it shown. */
  describe({ vendor, type, value, hidden }: OtherAvp): { label: string; text: string } | undefined {
    const avp = hidden ? undefined : this.avps.get(keyOf(vendor, type));
    if (!avp) return undefined;
    try {
      const text = String(avp.text(new Uint8Array(value))).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
      return { label: avp.label, text: text.slice(0, maxTextCharacters) };
    } catch {
      return undefined;
    }
  }

  // ------------------------------------------------------------ the way of a call

  /** `answer` is called exactly once. */
  chooseForward({ plugin: name, user, call, others }: ForwardRequest, answer: (answer: ForwardAnswer) => void): void {
    const plugin = this.loaded.get(name)?.plugin;
    const { onFailure } = this.ports;
    if (!plugin?.chooseForward) {
      onFailure(name, plugin ? 'it chooses no tunnels' : 'it is not loaded');
      answer(undefined);
      return;
    }
    const { asking, chooseForward: choose } = plugin;
    asking.ask(
      () => choose({ user, call, others }),
      (outcome) => {
        const chosen = 'value' in outcome ? outcome.value : undefined;
        const tunnels = isNames(chosen) ? chosen : undefined;
        if ('failure' in outcome) onFailure(name, outcome.failure);
        else if (chosen !== undefined && tunnels === undefined) onFailure(name, 'its answer is not a list of tunnels');
        answer(tunnels);
      },
    );
  }

  // ------------------------------------------------------------ who the users are

  /** undefined: the plugin is not loaded, or does not say. */
  aaa(name: string): ProvidedAaa | undefined {
    return this.loaded.get(name)?.plugin.aaa;
  }

  // ------------------------------------------------------------ ups and downs

  /** Whether any plugin wants to hear of ups and downs. */
  get listening(): boolean {
    for (const { plugin } of this.loaded.values())
      if (plugin.onTunnel.length + plugin.onSession.length > 0) return true;
    return false;
  }

  tunnel(life: Life<'tunnelUp' | 'tunnelDown', TunnelView>): void {
    for (const [name, { plugin }] of this.loaded)
      for (const tell of plugin.onTunnel) this.guarded(name, () => tell(life));
  }

  session(life: Life<'sessionUp' | 'sessionDown', SessionView>): void {
    for (const [name, { plugin }] of this.loaded)
      for (const tell of plugin.onSession) this.guarded(name, () => tell(life));
  }

  /** A listener that throws, or whose promise is broken, is told of and no more. */
  private guarded(name: string, tell: () => unknown): void {
    void Promise.resolve()
      .then(tell)
      .catch((error: unknown) => this.ports.onFailure(name, reasonOf(error)));
  }
}

/** A file that changed is another module. */
async function urlOf(module: string): Promise<string> {
  if (!module.startsWith('/')) return module;
  const { mtimeMs } = await stat(module);
  return `${pathToFileURL(module)}?${mtimeMs}`;
}

function keyOf(vendor: number, type: number): string {
  return `${vendor}/${type}`;
}

function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'function';
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
