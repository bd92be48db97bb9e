/** RADIUS packets by their kinds (RFC 2865 3, RFC 2866 4, RFC 5176 3), and what is wrong with one. */
import type { Attributes } from './dictionary.ts';

export const headerOctets = 20;
export const authenticatorOctets = 16;
/** RFC 2865 3. */
export const maxPacketOctets = 4096;

/** RFC 2869 5.14: in our packets the first attribute, so that no digest begins with what somebody else chose. */
export const messageAuthenticator = { type: 80, octets: 18 } as const;
/** RFC 2865 5.26. */
export const vendorSpecificType = 26;
/** The code of MS-CHAP's second way to change passwords, which stands in its numbered pieces (RFC 2548 2.1.8). */
export const changePasswordCode = 6;
/** Code, identifier and number before each of them. */
export const piecesHeaderOctets = 4;

/** How the sixteen octets behind the length are made. */
type AuthenticatorForm =
  /** By dice. */
  | 'random'
  /** MD5 over the packet with zeros in their place, and the secret (RFC 2866 3). */
  | 'digest'
  /** MD5 over the packet with the request's in their place, and the secret (RFC 2865 3). */
  | 'answer';

interface PacketRow {
  readonly code: number;
  readonly authenticator: AuthenticatorForm;
  /** Whether we drop one without a Message-Authenticator. We send none without. */
  readonly mustBeSigned: boolean;
}

/**
 * What decides on access must be signed: a Response Authenticator alone can be forged (CVE-2024-3596). Accounting and
 * RFC 5176's orders are digests of the secret as a whole, so that others need not sign them.
 */
export const packetTable = {
  accessRequest: { code: 1, authenticator: 'random', mustBeSigned: true },
  accessAccept: { code: 2, authenticator: 'answer', mustBeSigned: true },
  accessReject: { code: 3, authenticator: 'answer', mustBeSigned: true },
  accessChallenge: { code: 11, authenticator: 'answer', mustBeSigned: true },
  accountingRequest: { code: 4, authenticator: 'digest', mustBeSigned: false },
  accountingResponse: { code: 5, authenticator: 'answer', mustBeSigned: false },
  disconnectRequest: { code: 40, authenticator: 'digest', mustBeSigned: false },
  disconnectAck: { code: 41, authenticator: 'answer', mustBeSigned: false },
  disconnectNak: { code: 42, authenticator: 'answer', mustBeSigned: false },
  coaRequest: { code: 43, authenticator: 'digest', mustBeSigned: false },
  coaAck: { code: 44, authenticator: 'answer', mustBeSigned: false },
  coaNak: { code: 45, authenticator: 'answer', mustBeSigned: false },
} as const satisfies Record<string, PacketRow>;

export type PacketType = keyof typeof packetTable;

/** The table for code that treats all packets alike. */
export const packetRows: Readonly<Record<PacketType, PacketRow>> = packetTable;

type Having<Form extends AuthenticatorForm> = {
  [Type in PacketType]: (typeof packetTable)[Type]['authenticator'] extends Form ? Type : never;
}[PacketType];

export type AnswerType = Having<'answer'>;
export type RequestType = Exclude<PacketType, AnswerType>;

const typesByCode = new Map<number, PacketType>();
for (const type of Object.keys(packetTable) as PacketType[]) typesByCode.set(packetTable[type].code, type);

export function packetTypeOf(code: number): PacketType | undefined {
  return typesByCode.get(code);
}

export function isAnswer(type: PacketType): type is AnswerType {
  return packetRows[type].authenticator === 'answer';
}

/** A packet that was received and whose sender knows the secret. */
export interface Packet<Type extends PacketType = PacketType> {
  readonly type: Type;
  readonly identifier: number;
  readonly attributes: Attributes;
  /** Attributes that the table does not know. Unset: none. */
  readonly others?: readonly OtherAttribute[];
}

export interface OtherAttribute {
  readonly vendor: number;
  /** Of a vendor who numbers attributes another way than RFC 2865 5.26 recommends: 26. */
  readonly type: number;
  readonly value: Uint8Array;
}

export type BadPacketReason =
  | 'header'
  | 'type'
  | 'attributeLength'
  | 'attributeValue'
  | 'authenticator'
  | 'unsigned'
  | 'messageAuthenticator';

/** A received packet that must be dropped, with a reason to count by. */
export class BadPacket extends Error {
  readonly reason: BadPacketReason;

  constructor(reason: BadPacketReason, message: string) {
    super(message);
    this.name = 'BadPacket';
    this.reason = reason;
  }
}
