import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import '../netns/patience.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the quickstart shows a call that carries packets both ways, and cleans up', async () => {
  const args = ['--import', 'tsx', 'scripts/quickstart.ts', '--once'];
  const running = execa(process.execPath, args, { cwd: root, all: true, reject: false, stdin: 'ignore' });
  const { exitCode, all } = await running;
  expect(all.match(/ 0% packet loss/g), all).toHaveLength(2);
  expect(all).toContain('The call carries packets both ways.');
  expect(exitCode).toBe(0);
  expect((await execa('ip', ['netns', 'list'])).stdout).not.toContain(`pl2tp-${running.pid}-`);
});
