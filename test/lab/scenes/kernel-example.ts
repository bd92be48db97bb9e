import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Daemon } from '../../interop/daemon.ts';
import { makePair } from '../../interop/pair.ts';
import type { Lab } from '../../netns/lab.ts';
import type { Act, Stage } from './act.ts';
import { kernelTable } from './kernel-l2tp.ts';
import { unanswered } from './traffic.ts';

/** What an operator copies: the example, and the commands for the other end that stand in it. */
export const kernelExample: Act<'pings'> = {
  name: 'the example of a static tunnel to the kernel',
  scenes: ['pings'],
  async open(lab: Lab): Promise<Stage<'pings'>> {
    const { lac: us, lns: kernel } = await makePair(lab);
    const example = await readFile('examples/static-l2tpv3.yaml', 'utf8');
    const daemon = new Daemon(us);
    await daemon.declare('all.yaml', example);
    await daemon.start();
    return {
      async play() {
        const commands = [...example.matchAll(/^# {3}(.*)$/gm)].map(([, line]) => line);
        assert.match(commands[0] ?? '', /^ip l2tp add tunnel /);
        await kernel.run('sh', '-ec', commands.join('\n'));
        await daemon.sessionReady('linux');
        assert.deepEqual(await unanswered(us, [{ address: '10.42.1.2' }]), []);
        assert.deepEqual(await unanswered(kernel, [{ address: '10.42.1.1' }]), []);
      },
      async end() {
        assert.deepEqual(await daemon.errors(), []);
      },
      async logs() {
        const gateway = JSON.stringify(await daemon.gateway());
        return `${gateway}\n${await kernelTable(kernel)}\n${daemon.process.output.slice(-4000)}`;
      },
    };
  },
};
