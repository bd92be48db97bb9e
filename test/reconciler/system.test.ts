import { describe, expect, it } from 'vitest';
import { desired } from '../../src/reconciler/desired.ts';
import { emptySystem } from '../../src/reconciler/live.ts';
import { plan } from '../../src/reconciler/plan.ts';
import type { Snapshot } from '../../src/reconciler/resources.ts';
import { loadTexts } from '../../src/reconciler/sources/files.ts';
import { doc, resolved, snapshot, told } from './declare.ts';
import { nothing } from './fake-live.ts';

const gateway = (spec: object) => doc('Gateway', 'g', spec);
const at = (file: string, text: string): Promise<Snapshot> => loadTexts([{ file, text }]);

describe('hooks, plugins and tracing', () => {
  it('are none where nobody declares them', () => {
    expect(resolved().state.system).toEqual(emptySystem);
    expect(resolved(gateway({})).state.system).toEqual(emptySystem);
    expect(plan(resolved().state, nothing).map(({ action }) => action)).toEqual(['configureAaa', 'configureGateway']);
  });

  it('are found beside their document', async () => {
    const spec = {
      hooks: {
        tunnelUp: { command: ['./hooks/up.sh', './as-it-is'] },
        tunnelDown: { command: ['../down.sh'], timeout: '1m' },
        sessionUp: { command: ['/usr/bin/logger', '-t', 'l2tp'] },
        sessionDown: { command: ['logger'] },
      },
      plugins: [
        { name: 'a', module: './a.mjs', config: { realm: 'x', deep: { n: 1 } } },
        { name: 'b', module: '@example/b' },
      ],
      trace: ['system', 'api'],
    };
    const { state, errors } = desired(await at('/etc/prol2tp/gateway.yaml', gateway(spec)));
    expect(errors).toEqual([]);
    expect(state.system).toEqual({
      hooks: {
        tunnelUp: { command: ['/etc/prol2tp/hooks/up.sh', './as-it-is'], timeoutMs: 10_000 },
        tunnelDown: { command: ['/etc/prol2tp/../down.sh'], timeoutMs: 60_000 },
        sessionUp: { command: ['/usr/bin/logger', '-t', 'l2tp'], timeoutMs: 10_000 },
        sessionDown: { command: ['logger'], timeoutMs: 10_000 },
      },
      plugins: [
        { name: 'a', module: '/etc/prol2tp/a.mjs', config: { realm: 'x', deep: { n: 1 } } },
        { name: 'b', module: '@example/b', config: {} },
      ],
      trace: ['system', 'api'],
    });
  });

  it('stay as they were when two plugins have one name', () => {
    const before = resolved(gateway({ trace: ['fsm'] }));
    const twice = [
      { name: 'a', module: 'x' },
      { name: 'a', module: 'y' },
    ];
    const after = desired(snapshot(gateway({ plugins: twice })), before);
    expect(told(after)).toEqual(['Gateway/g: spec.plugins[1].name: an earlier plugin is called a too']);
    expect(after.state.system).toBe(before.state.system);
  });

  it('are explained, without time limits of hooks that there are none of', () => {
    const fields = resolved(gateway({ hooks: { tunnelUp: { command: ['x'] } } })).explain('Gateway/g');
    const hooks = Object.entries(fields ?? {}).filter(([path]) => path.startsWith('hooks'));
    expect(Object.fromEntries(hooks)).toEqual({
      'hooks.tunnelUp.command': { value: ['x'], from: 'Gateway/g' },
      'hooks.tunnelUp.timeout': { value: '10s', from: 'built-in' },
    });
  });

  it('are put in force before everything else, and told by what differs', () => {
    const before = resolved(gateway({ hooks: { tunnelUp: { command: ['x'] } }, trace: ['fsm'] })).state;
    const { state } = resolved(
      gateway({ hooks: { tunnelDown: { command: ['x'] } }, plugins: [{ name: 'p', module: 'p' }] }),
    );
    const [first] = plan(state, { ...nothing, system: before.system });
    expect(first).toEqual({
      action: 'configureSystem',
      spec: state.system,
      reason: 'hooks.tunnelUp removed, hooks.tunnelDown added, plugins.p added, trace [fsm] -> []',
    });
  });
});
