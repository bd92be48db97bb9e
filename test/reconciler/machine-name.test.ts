import { expect, it } from 'vitest';
import { desired } from '../../src/reconciler/desired.ts';
import { loadTexts } from '../../src/reconciler/sources/files.ts';

const tunnel = 'apiVersion: prol2tp.io/v1alpha1\nkind: Tunnel\nmetadata: {name: t}\nspec: {remoteAddress: 192.0.2.1}\n';
const gateway = 'apiVersion: prol2tp.io/v1alpha1\nkind: Gateway\nmetadata: {name: g}\nspec: {hostName: named}\n';

async function hostNameOf(text: string, machineName: string | undefined) {
  const snapshot = await loadTexts([{ file: 'a.yaml', text }]);
  return desired({ ...snapshot, machineName }).state.tunnels.get('t')?.parameters.hostName;
}

it("a gateway without a name bears the machine's", async () => {
  expect(await hostNameOf(tunnel, 'box')).toBe('box');
  expect(await hostNameOf(`${gateway}---\n${tunnel}`, 'box')).toBe('named');
  expect(await hostNameOf(tunnel, undefined)).toBe('prol2tp');
});
