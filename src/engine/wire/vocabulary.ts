/** What the encoder and the decoder have to know of each version of L2TP, all of it data. */
import { createHmac } from 'node:crypto';
import {
  type AvpName,
  avpIn,
  avpNames,
  avpNumber,
  draftEncodingAvps,
  draftVendor,
  encodingAvps,
  type KnownAvp,
} from './avp.ts';
import { reservedBits } from './avp-octets.ts';
import { offerAvps } from './message-groups.ts';
import { type MessageForm, type MessageType, messageForms } from './message-table.ts';
import type { Secret } from './secret.ts';

export interface Vocabulary {
  readonly avps: Readonly<Partial<Record<AvpName, KnownAvp>>>;
  /** By `avpNumber`. */
  readonly names: ReadonlyMap<number, AvpName>;
  /** The same for what drafts of the version had; where a message has both, the RFC's counts. */
  readonly draftNames: ReadonlyMap<number, AvpName>;
  /** By `avpNumber`: AVPs that are no content of a message. */
  readonly aside: ReadonlySet<number>;
  /** By `avpNumber`: AVPs of another version, which are passed over in spite of their M bit. */
  readonly foreign: ReadonlySet<number>;
  readonly forms: ReadonlyMap<MessageType, MessageForm>;
  readonly formsByCode: ReadonlyMap<number, MessageForm>;
  /** What tells of another version, and is sent only together with the id that the tunnel has there. */
  readonly offers: ReadonlySet<AvpName>;
  /** A Message Digest AVP is sent with the M bit. */
  readonly digestIsMandatory: boolean;
  /** In the head of an AVP: they make it one that is not recognized. */
  readonly unrecognizedBits: number;
  /** With what values are hidden. */
  hidingKey(secret: Secret): Uint8Array;
}

function vocabulary(
  version: 2 | 3,
  own: Pick<Vocabulary, 'offers' | 'digestIsMandatory' | 'unrecognizedBits' | 'hidingKey'> & {
    hasDrafts: boolean;
    passesOver?: 2;
  },
): Vocabulary {
  const { offers, digestIsMandatory, unrecognizedBits, hidingKey, hasDrafts, passesOver } = own;
  const avps: Partial<Record<AvpName, KnownAvp>> = {};
  const names = new Map<number, AvpName>();
  const draftNames = new Map<number, AvpName>();
  for (const name of avpNames) {
    const avp = avpIn(version, name);
    if (!avp) continue;
    avps[name] = avp;
    names.set(avpNumber(avp.vendor, avp.type), name);
    if (hasDrafts && avp.draftType !== undefined) draftNames.set(avpNumber(draftVendor, avp.draftType), name);
  }
  const aside = new Set([avpNumber(0, encodingAvps.messageDigest)]);
  if (hasDrafts) for (const type of Object.values(draftEncodingAvps)) aside.add(avpNumber(draftVendor, type));
  const foreign = new Set<number>();
  for (const name of passesOver ? avpNames : []) {
    const avp = passesOver && avpIn(passesOver, name);
    if (avp && !names.has(avpNumber(avp.vendor, avp.type))) foreign.add(avpNumber(avp.vendor, avp.type));
  }
  const forms = messageForms(version);
  return {
    avps,
    names,
    draftNames,
    aside,
    foreign,
    forms: new Map(forms.map((form) => [form.type, form])),
    formsByCode: new Map(forms.map((form) => [form.code, form])),
    offers,
    digestIsMandatory,
    unrecognizedBits,
    hidingKey,
  };
}

export const vocabularies: Readonly<Record<2 | 3, Vocabulary>> = {
  2: vocabulary(2, {
    // RFC 3931 4.7.3.
    offers: new Set(offerAvps),
    digestIsMandatory: false,
    // RFC 2661 4.1.
    unrecognizedBits: reservedBits,
    // RFC 2661 4.3.
    hidingKey: (secret) => secret.reveal(),
    hasDrafts: false,
  }),
  3: vocabulary(3, {
    offers: new Set(),
    digestIsMandatory: true,
    // RFC 3931 5.1: ignored.
    unrecognizedBits: 0,
    // RFC 3931 5.3.
    hidingKey: (secret) => createHmac('md5', secret.reveal()).update(Uint8Array.of(1)).digest(),
    hasDrafts: true,
    // RFC 3931 4.7.3.
    passesOver: 2,
  }),
};
