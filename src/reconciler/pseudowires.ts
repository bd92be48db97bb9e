/** What a pseudowire is attached to here, and which of a Session's fields that makes meaningless. */
import type { Pseudowire } from '../engine/spec.ts';
import type { Context } from './context.ts';
import type { SessionFields } from './generated.ts';
import type { Resource } from './resources.ts';

/** ppp: PPP that ends here; ethernet: a device; circuit: a program behind a socket. */
export type AttachmentKind = 'ppp' | 'ethernet' | 'circuit';

const attachments: Readonly<Record<Pseudowire, AttachmentKind>> = {
  ppp: 'ppp',
  ethernet: 'ethernet',
  vlan: 'ethernet',
  hdlc: 'circuit',
  frameRelay: 'circuit',
  atmAal5: 'circuit',
  atmCellPort: 'circuit',
  atmCellVcc: 'circuit',
  atmCellVpc: 'circuit',
};

export function attachmentOf(pseudowire: Pseudowire): AttachmentKind {
  return attachments[pseudowire];
}

const carriers: Readonly<Record<AttachmentKind, string>> = {
  ppp: 'ppp',
  ethernet: 'ethernet and vlan',
  circuit: 'hdlc, frameRelay and ATM',
};

/** Fields that mean something with some pseudowires only. */
const carriedBy: readonly (readonly [field: keyof SessionFields, kinds: readonly AttachmentKind[]])[] = [
  ['interfaceName', ['ppp', 'ethernet']],
  ['pppProfile', ['ppp']],
  ['userName', ['ppp']],
  ['passwordRef', ['ppp']],
  ['passwordFile', ['ppp']],
  ['proxyAuth', ['ppp']],
  ['proxyLcp', ['ppp']],
  ['usePppProxy', ['ppp']],
  ['forward', ['ppp']],
  ['ethernetProfile', ['ethernet']],
  ['circuit', ['circuit']],
];

/** Reports what a Session says itself, and not by a profile that others share, although its pseudowire has no use for it. */
export function checkCarried({ declarations }: Context, session: Resource<'Session'>, pseudowire: Pseudowire): void {
  const kind = attachmentOf(pseudowire);
  for (const [field, kinds] of carriedBy) {
    if (session.document.spec[field] === undefined || kinds.includes(kind)) continue;
    const which = kinds.map((each) => carriers[each]).join(', ');
    const message = `is for pseudowires ${which}, and this one is ${pseudowire}: take it out, or say another pseudowire`;
    declarations.reportAt(session, field, message);
  }
}
