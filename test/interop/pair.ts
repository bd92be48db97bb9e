import type { Lab, Namespace } from '../netns/lab.ts';

export const lacAddress = '192.0.2.1';
export const lnsAddress = '192.0.2.2';
export const wire = 'wire';

/** Two hosts on one wire. */
export async function makePair(lab: Lab): Promise<{ lac: Namespace; lns: Namespace }> {
  const lac = await lab.namespace('lac');
  const lns = await lab.namespace('lns');
  await lab.link(lac, { device: wire, addresses: [`${lacAddress}/24`, '2001:db8::1/64'] }, lns, {
    device: wire,
    addresses: [`${lnsAddress}/24`, '2001:db8::2/64'],
  });
  return { lac, lns };
}
