/** One end of an authentication on its own: what it says, and what it is told. */
import type { Exchange } from '../../../../src/engine/ppp/auth/exchange.ts';
import type { PppEffect } from '../../../../src/engine/ppp/events.ts';

export const text = (value: string): number[] => [...Buffer.from(value)];

/** The frames that something leads to. */
export function take(act: (out: PppEffect[]) => void): Uint8Array[] {
  const out: PppEffect[] = [];
  act(out);
  return out.map((effect) => (effect.effect === 'frame' ? effect.frame : new Uint8Array()));
}

/** Hands over a whole frame, within a buffer that is overwritten afterwards. */
export function hear(exchange: Exchange, frame: Uint8Array, now = 100): Uint8Array[] {
  const bytes = new Uint8Array(frame.length + 4).fill(0xee);
  bytes.set(frame);
  const frames = take((out) => exchange.receive(bytes, 4, frame.length, now, out));
  bytes.fill(0x55);
  return frames;
}

/** What a frame of ours says after its header, as text. */
export function said(frame: Uint8Array): string {
  return Buffer.from(frame.slice(8)).toString();
}
