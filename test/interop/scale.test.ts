import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { farAddress, isTrue } from './daemon.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lac, lacHost, lns } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { complaintsAbout, dissect } from './tshark.ts';

const calls = 100;

test('a hundred calls in one tunnel, each with its own address and device, none in the way of another', async () => {
  const names = Array.from({ length: calls }, (_, i) => `call-${i}`);
  await lns.declare('all.yaml', ...lnsDocuments());
  await lac.declare('all.yaml', secrets(), tunnelDocument());
  await lac.declare('calls.yaml', ...names.map((name) => sessionDocument(name, name)));
  const capture = await lacHost.capture(wire);
  await lns.start();
  await lac.start();
  const sessions = await until('all calls', async () => {
    const ready = (await lac.sessions()).filter((session) => isTrue(session, 'Ready'));
    return ready.length === calls && ready;
  });
  const addresses = new Set(sessions.map(({ status }) => status.ppp?.localAddress));
  expect(addresses.size).toBe(calls);
  expect(new Set(sessions.map(({ status }) => status.interface)).size).toBe(calls);
  // Each by its own device: all calls have the same far address.
  for (const session of [sessions[0], sessions[calls - 1]]) {
    const device = session.status.interface ?? '';
    await until(`a ping from ${device}`, () => lacHost.pings(gatewayInside, '-I', device));
    expect(farAddress(session)).toBe(gatewayInside);
  }

  await lac.withdraw('calls.yaml');
  await until('the LNS to let all go', async () => (await lns.sessions()).length === 0);
  const dissected = await dissect(await capture.stop());
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
  expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
});
