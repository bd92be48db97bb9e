/** The Gateway's settings that are not the engine's: hooks, plugins, tracing. */
import { type HookSpec, hookEvents, type PluginSpec, type SystemSpec } from '../engine/spec.ts';
import { builtIn, type GatewayFields, type Hook } from './generated.ts';
import { emptySystem } from './live.ts';
import { isBuiltInAaa } from './ppp-checks.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import { durationMs } from './units.ts';

/** With a mistake in it, the system stays as it was before. */
export function systemOf(
  declarations: Declarations,
  gateway: Resource<'Gateway'> | undefined,
  before: SystemSpec | undefined,
): SystemSpec {
  if (!gateway) return emptySystem;
  const { hooks = {}, plugins = [], trace = builtIn.Gateway.trace, metrics } = gateway.document.spec;
  const names = new Set<string>();
  let good = true;
  for (const [at, { name }] of plugins.entries()) {
    if (names.has(name)) {
      declarations.reportAt(gateway, `plugins.${at}.name`, `an earlier plugin is called ${name} too`);
      good = false;
    }
    if (isBuiltInAaa(name)) {
      declarations.reportAt(gateway, `plugins.${at}.name`, `${name} is what profiles call an aaa that is no plugin`);
      good = false;
    }
    names.add(name);
  }
  if (!good) return before ?? emptySystem;
  const { file = '' } = gateway.locate([]);
  return {
    hooks: hooksOf(hooks, file),
    plugins: plugins.map((plugin) => pluginOf(plugin, file)),
    trace: [...trace],
    metrics: metrics && { ...builtIn.Gateway.metrics, ...metrics },
  };
}

function hooksOf(hooks: NonNullable<GatewayFields['hooks']>, file: string): SystemSpec['hooks'] {
  const specs: { -readonly [Event in keyof SystemSpec['hooks']]: SystemSpec['hooks'][Event] } = {};
  for (const event of hookEvents) {
    const hook = hooks[event];
    if (hook) specs[event] = hookOf(hook, builtIn.Gateway.hooks[event].timeout, file);
  }
  return specs;
}

function hookOf({ command: [program, ...args], timeout }: Hook, otherwise: string, file: string): HookSpec {
  const path = program.includes('/') ? besideDocument(program, file) : program;
  return { command: [path, ...args], timeoutMs: durationMs(timeout ?? otherwise) };
}

function pluginOf({ name, module, config }: NonNullable<GatewayFields['plugins']>[number], file: string): PluginSpec {
  return { name, module: /^\.\.?\//.test(module) ? besideDocument(module, file) : module, config: config ?? {} };
}

/** A relative path as seen from the document's folder. */
function besideDocument(path: string, file: string): string {
  if (path.startsWith('/')) return path;
  return `${file.slice(0, file.lastIndexOf('/') + 1)}${path.replace(/^(\.\/)+/, '')}`;
}
