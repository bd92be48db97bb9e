/**
 * What a control message is before and after its octets (RFC 2661 4, 6).
 */
import type { AvpName, AvpValues } from './avp.ts';
import type { DigestRoom } from './digest.ts';
import { type MessageType, messageTypes, type ReceivedAvps, type SentAvps } from './message-table.ts';
import type { Secret } from './secret.ts';

export { type MessageType, messageTypes };

/** An AVP that was received and not used, or used although it does not belong there. */
export interface Oddity {
  vendor: number;
  type: number;
  /** When the table has the AVP. */
  name?: AvpName;
  message: MessageType;
  why: 'unknown' | 'malformed' | 'duplicate' | 'unexpected';
  /** All of this in words. */
  text: string;
}

/** A received AVP that the table does not know, of any vendor, the IETF (0) included; its value as it came. */
export interface OtherAvp {
  vendor: number;
  type: number;
  value: Uint8Array;
  /** It came hidden: its sender thinks that nobody should see it. */
  hidden?: true;
}

/** An AVP to send that the table does not know. */
export interface OutgoingAvp {
  vendor: number;
  type: number;
  value: Uint8Array;
  /** Sent with the M bit, if the vendor has 16 bits: a peer that does not know it ends the session or tunnel. */
  mandatory?: boolean;
  /** Hidden when the message hides what it may. */
  hideable?: boolean;
}

/** A received message, of any type or of the named ones. Narrow by `type` to know which AVPs are surely there. */
export type Message<Of extends MessageType = MessageType> = {
  [Type in Of]: {
    type: Type;
    avps: ReceivedAvps<Type>;
    oddities: readonly Oddity[];
    others: readonly OtherAvp[];
  };
}[Of];

/** A message to send. */
export type OutgoingMessage<Of extends MessageType = MessageType> = {
  [Type in Of]: { type: Type; avps: SentAvps<Type>; others?: readonly OutgoingAvp[] };
}[Of];

export interface EncodeOptions {
  /** Hide whatever may be hidden in this message. A random vector of at least 16 octets is recommended. */
  hide?: { secret: Secret; randomVector: Uint8Array };
  /** Leave room for digests, which are zero until `signMessage` fills them. */
  digests?: DigestRoom;
  /**
   * Send beside L2TPv3's AVPs those that its drafts had in their place, for peers that know nothing else. None of both has
   * the M bit then.
   */
  drafts?: boolean;
}

export interface DecodeOptions {
  /** Asked once, and only if something is hidden: the secret shared with the sender of these clear AVPs. */
  secretFor?: (clear: AvpValues) => Secret | undefined;
  /** Whether somebody takes this AVP from `others`: only then its M bit is no defect. */
  knows?: (vendor: number, type: number) => boolean;
  /** Asked only if there are any: whether unknown AVPs of the sender of these are passed over in spite of their M bit. */
  passesOver?: (clear: AvpValues) => boolean;
}
