/**
 * Two hosts on one wire with a daemon of ours for each, fresh for every test of a file that imports from here. The
 * exports are live: each test sees its own. Nothing is started; what a test starts ends with it.
 */
import { afterEach, beforeEach } from 'vitest';
import '../netns/patience.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { Daemon } from './daemon.ts';
import { makePair } from './pair.ts';

export let lab: Lab;
export let lacHost: Namespace;
export let lnsHost: Namespace;
export let lac: Daemon;
export let lns: Daemon;

beforeEach(async () => {
  lab = await Lab.open();
  ({ lac: lacHost, lns: lnsHost } = await makePair(lab));
  lac = new Daemon(lacHost);
  lns = new Daemon(lnsHost);
});

afterEach(() => lab.close());
