import { startFreeradius } from '../../test/interop/freeradius.ts';
import type { Namespace } from '../../test/netns/lab.ts';
import type { Process } from '../../test/netns/process.ts';

/** Where the LNS finds its RADIUS server, and what the two share. */
export const radiusLogin = { address: '127.0.0.1', secret: 'bench' };

/** freeradius (Debian package `freeradius`) beside the LNS, which knows the generator's user and writes accounting to a file. */
export async function startBenchRadius(namespace: Namespace): Promise<Process> {
  const { process } = await startFreeradius(namespace, {
    ...radiusLogin,
    users: { bench: { password: 'bench' } },
    quiet: true,
    lenient: true,
  });
  return process;
}
