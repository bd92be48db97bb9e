import { Lab, type Namespace } from '../test/netns/lab.ts';

/** The bench's two hosts, joined by a veth pair. */
export interface Wire {
  readonly lac: Namespace;
  readonly lns: Namespace;
}

export type Side = keyof Wire;

export const address: Record<Side, string> = { lac: '10.200.0.1', lns: '10.200.0.2' };

/** The wire's device, named alike on both sides. */
export const device = 'wire0';

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Lays a wire, does the work on it and clears everything away, also after a failure, SIGINT or SIGTERM. */
export async function withWire<T>(work: (wire: Wire) => Promise<T>): Promise<T> {
  return await withWires(async (lay) => await work(await lay()));
}

/** As `withWire`, for as many wires side by side as the work lays. They do not know of each other. */
export async function withWires<T>(work: (lay: () => Promise<Wire>) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  const interrupted = new Promise<never>((_, reject) => {
    interruption.signal.addEventListener('abort', () => reject(new Interrupted('interrupted')));
  });
  // Not `once`: execa ends the process on a signal that nobody else listens to.
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const labs: Lab[] = [];
  const open = async () => {
    const lab = await Lab.open();
    labs.push(lab);
    return await lay(lab);
  };
  try {
    return await Promise.race([work(open), interrupted]);
  } finally {
    await Promise.all(labs.map((lab) => lab.close()));
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function lay(lab: Lab): Promise<Wire> {
  const wire = { lac: await lab.namespace('lac'), lns: await lab.namespace('lns') };
  const end = (side: Side) => ({ device, addresses: [`${address[side]}/24`] });
  await lab.link(wire.lac, end('lac'), wire.lns, end('lns'));
  // The lab's links carry single packets for the sake of captures: the bench wants the plain pair.
  for (const host of [wire.lac, wire.lns]) await host.ip('link', 'set', device, 'gso_max_segs', '65535');
  return wire;
}

/** Runs a bench's main part: an interruption is no failure worth a stack trace. */
export async function main(bench: () => Promise<void>): Promise<void> {
  try {
    await bench();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    console.error('interrupted');
    process.exitCode = 130;
  }
}
