/** The content of a switched call that goes out: everything is its ingress's business. */
import type { CallContent, ContentEffect, ContentEvent } from './call-content.ts';
import type { CallEnd } from './call-end.ts';
import type { EngineEffect, Instant } from './effects.ts';
import type { Forwarding } from './forwarding.ts';
import type { Session } from './session.ts';

export class Egress implements CallContent {
  private readonly session: Session;
  private readonly ingress: Forwarding;

  constructor(session: Session, ingress: Forwarding) {
    this.session = session;
    this.ingress = ingress;
  }

  get switchedWith(): string {
    return this.ingress.title;
  }

  handle(event: ContentEvent, now: Instant): ContentEffect[] {
    if (event.event === 'open') return this.ingress.egressUp(this.session, now);
    if (event.event === 'frame') return this.ingress.egressSays(event.bytes, event.start, event.end);
    return event.event === 'information' ? this.ingress.egressTells(event.information, now) : [];
  }

  end(end: CallEnd, _byUs: boolean, now: Instant): EngineEffect[] {
    return this.ingress.egressDown(this.session, end, now);
  }

  deadline(): undefined {
    return undefined;
  }

  view(): undefined {
    return undefined;
  }
}
