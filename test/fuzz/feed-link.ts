/** Frames into one end of a PPP link. */
import type { PppLink } from '../../src/engine/ppp/link.ts';
import { checkAgainst } from '../engine/ppp/pair.ts';
import { ADDRESSES } from '../engine/ppp/specs.ts';
import { plain } from '../engine/wire/arbitrary.ts';
import { demand, type FuzzInput } from './fuzz.ts';

/** More than any one frame can be answered with: replies, and the requests of the layers that it brings up. */
const maxFramesPerFrame = 16;

/**
 * What the link wants done, as plain data; each frame comes in a larger buffer full of `around`, and an empty one lets
 * time pass. `password`: what the peer has to know.
 */
export function feed(link: PppLink, input: FuzzInput, password: string, around: number): unknown[] {
  const told: unknown[] = [];
  let now = 0;
  let over = false;
  const perform = (effects: ReturnType<PppLink['handle']>): void => {
    demand(effects.filter(({ effect }) => effect === 'frame').length <= maxFramesPerFrame, 'an answer is short');
    for (const effect of effects) {
      told.push(plain(effect));
      demand(!over, `nothing comes after the end, not ${effect.effect}`);
      switch (effect.effect) {
        case 'frame':
          demand(effect.frame.length >= 4 && effect.frame.length <= 1_508, 'a frame fits');
          break;
        case 'authenticate':
          perform(link.handle({ event: 'authenticated', answer: checkAgainst(password) }, now));
          break;
        case 'allocate':
          perform(link.handle({ event: 'allocated', answer: { ipv4: effect.ipv4?.fixed ?? ADDRESSES.client } }, now));
          break;
        case 'notice':
          demand(!effect.message.includes(password), 'the password stays inside');
          break;
        case 'down':
          demand(!effect.reason.includes(password), 'the password stays inside');
          over = true;
          break;
      }
    }
  };
  perform(link.handle({ event: 'open' }, now));
  for (const frame of input) {
    now += 5;
    if (frame.length === 0) {
      now = Math.max(now, link.deadline() ?? now);
      perform(link.handle({ event: 'tick' }, now));
      continue;
    }
    const bytes = new Uint8Array(frame.length + 8).fill(around);
    bytes.set(frame, 5);
    const effects = link.handle({ event: 'frame', bytes, start: 5, end: 5 + frame.length }, now);
    bytes.fill(0x55);
    perform(effects);
  }
  demand(!JSON.stringify(plain(link.view())).includes(password), 'the password stays inside');
  return told;
}
