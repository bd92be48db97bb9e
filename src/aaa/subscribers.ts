import { join } from 'node:path';
import type {
  Aaa,
  AccountRecord,
  AllocateAnswer,
  AllocateRequest,
  AuthenticateAnswer,
  AuthenticateRequest,
} from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import type { AaaSpec, PoolView, RadiusView, SessionCounters } from '../engine/spec.ts';
import { LeaseFile } from './lease-file.ts';
import { LocalSubscribers } from './local.ts';
import { AddressPools } from './pools.ts';
import type { Base, PluginAaa, PluginSources, RadiusAaa } from './sources.ts';

interface SubscribersParts {
  /** Where leases outlive the daemon; absent: they do not. */
  stateDirectory?: string;
  radius?: RadiusAaa;
  plugins?: PluginSources;
  /** Something went wrong that keeps nobody from being served. */
  onFailure?: (message: string) => void;
}

/** A call whose profile names a plugin. */
interface PluginCall {
  readonly plugin: string;
  /** Who knew its user, if not the plugin. */
  base?: Base;
}

type Answer<T> = (answer: T) => void;

/**
 * The AAA port: puts each question to the source that the profile names. Addresses come out of the same pools, whoever
 * let the user in.
 */
export class Subscribers implements Aaa {
  readonly #pools = new AddressPools();
  readonly #local = new LocalSubscribers();
  readonly #leaseFile: LeaseFile | undefined;
  readonly #radius: RadiusAaa | undefined;
  readonly #plugins: PluginSources | undefined;
  readonly #pluginCalls = new Map<SessionKey, PluginCall>();
  #hasRadius = false;

  constructor({ stateDirectory, radius, plugins, onFailure = () => undefined }: SubscribersParts = {}) {
    this.#radius = radius;
    this.#plugins = plugins;
    if (stateDirectory === undefined) return;
    this.#leaseFile = new LeaseFile(join(stateDirectory, 'leases'), this.#pools.leases, onFailure);
  }

  /** Brings back what an earlier run knew. Before the first `configure`. */
  open(): void {
    this.#leaseFile?.load();
  }

  /** Live sessions keep what they have. */
  configure({ pools, subscribers, radius }: AaaSpec): void {
    this.#pools.configure(pools);
    this.#local.configure(subscribers);
    this.#hasRadius = radius !== undefined;
    this.#radius?.configure(radius);
  }

  /** What is not on disk yet is written, and RADIUS takes its leave. */
  async close(): Promise<void> {
    await Promise.all([this.#leaseFile?.close(), this.#radius?.close()]);
  }

  pools(): PoolView[] {
    return this.#pools.views();
  }

  radius(): RadiusView | undefined {
    return this.#radius?.view();
  }

  // ------------------------------------------------------------ who

  authenticate(request: AuthenticateRequest, answer: Answer<AuthenticateAnswer>): void {
    if (isBase(request.aaa)) this.#askBase(request.aaa, request, answer);
    else this.#askPlugin(request, answer);
  }

  #askBase(base: Base, request: AuthenticateRequest, answer: Answer<AuthenticateAnswer>): void {
    if (base === 'local') this.#local.authenticate(request, answer);
    else if (this.#radius && this.#hasRadius) this.#radius.authenticate(request, answer);
    else {
      const message = 'RADIUS is to be asked, but the Gateway names no servers';
      answer({ verdict: 'reject', message, undecided: true });
    }
  }

  #askPlugin(request: AuthenticateRequest, answer: Answer<AuthenticateAnswer>): void {
    const name = request.aaa;
    const plugin = this.#plugins?.aaa(name);
    if (!plugin) {
      const message = `plugin ${name} is to be asked, but is not loaded, or provides no AAA`;
      answer({ verdict: 'reject', message, undecided: true });
      return;
    }
    const call = this.#pluginCall(request);
    const authorised = (verdict: AuthenticateAnswer) => this.#authorise(plugin, request, verdict, answer);
    const askBase = () => {
      if (!plugin.base) answer({ verdict: 'reject', message: `plugin ${name} has no answer` });
      else if (this.#pluginCalls.get(request.session) !== call)
        answer({ verdict: 'reject', message: 'the call is over' });
      else {
        call.base = plugin.base;
        this.#askBase(plugin.base, request, authorised);
      }
    };
    if (!plugin.authenticate) askBase();
    else plugin.authenticate(request, (verdict) => (verdict ? authorised(verdict) : askBase()));
  }

  #authorise(
    plugin: PluginAaa,
    request: AuthenticateRequest,
    verdict: AuthenticateAnswer,
    answer: Answer<AuthenticateAnswer>,
  ): void {
    if (!plugin.authorise || verdict.verdict === 'reject' || verdict.verdict === 'challenge') answer(verdict);
    else {
      plugin.authorise(request, verdict.grant, (grant) => {
        const message = `plugin ${request.aaa} failed`;
        answer(grant ? { ...verdict, grant } : { verdict: 'reject', message, undecided: true });
      });
    }
  }

  // ------------------------------------------------------------ what

  allocate(request: AllocateRequest, answer: Answer<AllocateAnswer>): void {
    const { session, user, aaa } = request;
    const plugin = isBase(aaa) ? undefined : this.#plugins?.aaa(aaa);
    const call = isBase(aaa) ? undefined : this.#pluginCall(request);
    const full = (call?.base ?? aaa) === 'local' ? this.#local.admit(session, user) : undefined;
    if (full !== undefined) answer(refusal(request, full));
    else if (!plugin?.allocate) answer(this.#pools.allocate(request));
    else {
      plugin.allocate(request, (given) => {
        // A call that ended meanwhile would keep its addresses for ever.
        if (this.#pluginCalls.get(session) !== call) answer({});
        else if (!given) answer(refusal(request, `plugin ${aaa} failed`));
        else {
          const { ipv4, prefix, delegated } = given;
          answer(
            this.#pools.allocate({
              ...request,
              ipv4: ipv4 === undefined ? request.ipv4 : { fixed: ipv4 },
              prefix: prefix ? { fixed: prefix } : request.prefix,
              delegated: delegated ? { fixed: delegated } : request.delegated,
            }),
          );
        }
      });
    }
  }

  account(record: AccountRecord, counters: SessionCounters): void {
    const { aaa, session } = record;
    if (!isBase(aaa)) this.#plugins?.aaa(aaa)?.account?.(record, counters);
    const base = isBase(aaa) ? aaa : this.#pluginCalls.get(session)?.base;
    if (base === 'local') this.#local.account(record);
    else if (base === 'radius') this.#radius?.account(record, counters);
  }

  release(session: SessionKey): void {
    this.#pools.release(session);
    this.#local.release(session);
    this.#radius?.release(session);
    const call = this.#pluginCalls.get(session);
    if (!call) return;
    this.#pluginCalls.delete(session);
    this.#plugins?.aaa(call.plugin)?.release?.(session);
  }

  #pluginCall({ session, aaa }: AuthenticateRequest | AllocateRequest): PluginCall {
    const known = this.#pluginCalls.get(session);
    if (known?.plugin === aaa) return known;
    const call: PluginCall = { plugin: aaa };
    this.#pluginCalls.set(session, call);
    return call;
  }
}

function isBase(aaa: string): aaa is Base {
  return aaa === 'local' || aaa === 'radius';
}

/** Of everything that was asked for. */
function refusal({ ipv4, prefix, delegated }: AllocateRequest, why: string): AllocateAnswer {
  return {
    refused: { ipv4: ipv4 && why, prefix: prefix && why, delegated: delegated && why },
  };
}
