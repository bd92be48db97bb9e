/** Plays every act inside the machine, or those scenes that `ACT` or `ACT/SCENE` names, and prints an `Outcome` in a line each. */
import { writeFile } from 'node:fs/promises';
import { password } from '../../interop/declared.ts';
import { Lab } from '../../netns/lab.ts';
import type { Act, Outcome } from './act.ts';
import { acts } from './acts.ts';

async function playAct(act: Act, scenes: readonly string[]): Promise<void> {
  const lab = await Lab.open();
  const tell = (outcome: Omit<Outcome, 'act'>) => console.log(JSON.stringify({ act: act.name, ...outcome }));
  try {
    const start = performance.now();
    const stage = await act.open(lab);
    tell({ scene: 'opening', seconds: secondsSince(start) });
    for (const scene of scenes) {
      const start = performance.now();
      const failures = [await failureOf(stage.play(scene)), await failureOf(stage.end(scene))].filter(Boolean);
      const failure = failures.length === 0 ? undefined : [...failures, await stage.logs(scene)].join('\n');
      tell({ scene, seconds: secondsSince(start), failure });
    }
  } finally {
    await lab.close();
  }
}

async function failureOf(happening: Promise<void>): Promise<string | undefined> {
  try {
    await happening;
    return undefined;
  } catch (error) {
    return String(error instanceof Error ? error.stack : error);
  }
}

function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 100) / 10;
}

if (process.env.PROL2TP_LAB === undefined) throw new Error('this program changes /etc/ppp: only in the lab');
for (const file of ['pap-secrets', 'chap-secrets'])
  await writeFile(`/etc/ppp/${file}`, `alice * ${password} *\n`, { mode: 0o600 });
const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);
for (const act of acts) {
  const scenes = act.scenes.filter((scene) => isWanted(act.name) || isWanted(`${act.name}/${scene}`));
  if (scenes.length > 0) await playAct(act, scenes);
}
