import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { Secret } from '../src/engine/spec.ts';
import { desired } from '../src/reconciler/desired.ts';
import { fileSecretKey } from '../src/reconciler/resources.ts';
import { loadTexts } from '../src/reconciler/sources/files.ts';

const readme = readFileSync(resolve(import.meta.dirname, '../README.md'), 'utf8');
const [, client] = /```yaml\n(.*?)```/s.exec(readme) ?? [];

it("the README's client is a tunnel and a session without mistakes", async () => {
  const snapshot = await loadTexts([{ file: '/etc/prol2tp/client.yaml', text: client ?? '' }]);
  const files = new Map([[fileSecretKey('Tunnel/office', 'tunnel.secret'), new Secret('shared')]]);
  const { state, errors } = desired({ ...snapshot, secrets: { ...snapshot.secrets, files } });
  expect(errors.map(String)).toEqual([]);
  expect([...state.tunnels.keys(), ...state.sessions.keys()]).toEqual(['office', 'office']);
});

it("the README's links lead somewhere", () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path);
  expect(links.length).toBeGreaterThan(5);
  for (const path of links) {
    expect(() => readFileSync(resolve(import.meta.dirname, '..', path)), path).not.toThrow(/ENOENT/);
  }
});
