/**
 * What is inside a call: PPP that ends here, or the way into another tunnel.
 */
import type {
  AllocateAnswer,
  AllocateRequest,
  AuthenticateAnswer,
  AuthenticateRequest,
  SessionLimits,
  TerminateCause,
} from './aaa.ts';
import type { CallEnd } from './call-end.ts';
import type { CallInformation } from './call-information.ts';
import type { EngineEffect, Instant } from './effects.ts';
import type { ForwardAnswer, ForwardRequest } from './ports.ts';
import type { PppEvent } from './ppp/link.ts';
import type { PppProxy, PppView } from './spec.ts';
import type { AvpValues, CircuitStatus } from './wire/avp.ts';

export type ContentEvent =
  | Extract<PppEvent, { event: 'open' | 'frame' | 'tick' }>
  /** Answers belong to their questions' very objects, since keys come again. */
  | { event: 'authenticated'; request: AuthenticateRequest; answer: AuthenticateAnswer }
  | { event: 'allocated'; request: AllocateRequest; answer: AllocateAnswer }
  /** The AAA puts other limits in force. */
  | { event: 'limits'; limits: SessionLimits }
  /** The AAA wants the call to end. */
  | { event: 'disconnect'; cause: TerminateCause; message: string }
  /** The call's own values have changed in place. */
  | { event: 'modified' }
  /** A granted tunnel is up, or cannot be had now. */
  | { event: 'dialled'; tunnel: string; up: boolean }
  /** A plugin's answer to `forward`. */
  | { event: 'forwardChosen'; request: ForwardRequest; answer: ForwardAnswer }
  | { event: 'information'; information: CallInformation }
  /** The circuit that the data plane has attached is in another state now. */
  | { event: 'circuit'; status: CircuitStatus };

/** What a content wants: things in the world, and things of its call. */
export type ContentEffect =
  | EngineEffect
  /** The line of an outgoing call has answered, with these facts for the OCCN. */
  | { effect: 'carrier'; facts: AvpValues }
  | { effect: 'tell'; information: CallInformation }
  /** The call is to be hung up. */
  | { effect: 'over'; end: CallEnd }
  /** The call is to be terminated here after all; `proxy` is what its client has already said, and `judged` of that. */
  | { effect: 'terminate'; proxy: PppProxy | undefined; judged: Judged | undefined };

/** An answer that the AAA has given. */
export interface Judged {
  readonly request: AuthenticateRequest;
  readonly answer: AuthenticateAnswer;
}

export interface CallContent {
  handle(event: ContentEvent, now: Instant): ContentEffect[];
  /** The call is over. `byUs`: the session can still carry a farewell. Nothing is asked of the content any more. */
  end(end: CallEnd, byUs: boolean, now: Instant): EngineEffect[];
  deadline(): Instant | undefined;
  /** Undefined: it knows nothing of the PPP inside. */
  view(): PppView | undefined;
  /** The call at the other end of a switched one. */
  readonly switchedWith: string | undefined;
}
