/** What passes between a session and the world, in traces. Everything here runs only when it is wanted. */
import type { Instant } from './effects.ts';
import type { PlaneOp } from './ports.ts';
import { frameText } from './ppp/frame-text.ts';
import type { Session, SessionEffect, SessionEvent } from './session.ts';

/** Hands an event to a session, and tells what it means for its PPP. */
export function tracePpp(session: Session, event: SessionEvent, now: Instant): SessionEffect[] {
  if (event.event === 'content' && event.content.event === 'frame') {
    const { bytes, start, end } = event.content;
    session.trace('ppp', `received ${frameText(bytes, start, end)}`);
  }
  const before = session.view().ppp.phase;
  const effects = session.handle(event, now);
  const { phase } = session.view().ppp;
  if (phase !== before) session.trace('ppp', `phase ${before}, now ${phase}`);
  return effects;
}

export function traceEffect(session: Session, effect: SessionEffect): void {
  if (effect.effect === 'frame' && session.traces('ppp')) {
    session.trace('ppp', `sent ${frameText(effect.frame, 0, effect.frame.length)}`);
  }
  if (effect.effect === 'plane' && session.traces('data')) {
    session.trace('data', effect.op.op, fieldsOf(effect.op, session));
  }
}

function fieldsOf(op: PlaneOp, { tunnel }: Session): Record<string, unknown> {
  switch (op.op) {
    case 'attach': {
      const { mtu, owner, interface: device } = op.attachment;
      return { device: device.name, owner, mtu, session: op.session };
    }
    case 'sessionUp': {
      const { session, remoteSessionId, sequencing, reorderTimeoutMs, dscp } = op;
      return { session, remoteSessionId, sequencing, reorderTimeoutMs, dscp };
    }
    case 'sessionDown':
      return { session: op.session, ...tunnel.core.counters(op.session) };
    case 'encrypt':
      return { session: op.session, encrypted: op.keys !== undefined };
    default:
      return { ...op };
  }
}
