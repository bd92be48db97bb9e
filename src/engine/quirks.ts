/**
 * Named work-arounds for peers that deviate from the RFC. A peer gets one by what it says of itself, by what it did, or
 * by its PeerProfile; the engine asks for the work-around and never for the maker. What can be borne with any peer needs
 * no name and is always borne, e.g. Result Codes of odd lengths, or a StopCCN that names another tunnel.
 */

interface QuirkRow {
  /** What is done otherwise. */
  readonly does: string;
  /** Who was seen to need it. */
  readonly seen: string;
  /** Peers that get it by themselves, by their Vendor Name AVP. */
  readonly vendorName?: RegExp;
}

const quirkTable = {
  clearReply: {
    does: 'Our SCCRP has no hidden AVPs, also with hideAvps.',
    seen: 'xl2tpd as LAC cannot read them there, and reads them in all later messages.',
    vendorName: /xelerance/i,
  },
  closeWhenEmpty: {
    does: 'A tunnel that the peer opened is closed a minute after its last call, also without an idleTimeout.',
    seen: 'Windows leaves its tunnel open after the last session and forgets it.',
    vendorName: /^microsoft\b/i,
  },
  draftAvps: {
    does: 'Our L2TPv3 messages hold the AVPs of the drafts before RFC 3931 besides, by the vendor id that they had there.',
    seen: "Cisco's older releases know no others. Theirs are understood without it.",
  },
  neverChallenges: {
    does: 'In authMode challenge the peer may open a tunnel without a challenge of its own.',
    seen: 'l2tpns answers challenges and never sends one.',
  },
  noHello: {
    does: 'The peer gets no HELLO; a dead one is found by its calls, or by idleTimeout.',
    seen: 'Some versions of Android do not acknowledge HELLO.',
  },
  omitRxConnectSpeed: {
    does: 'Our ICCN has no Rx Connect Speed.',
    seen: 'WatchGuard loses count of data sequence numbers otherwise.',
    vendorName: /watchguard/i,
  },
  plainRequest: {
    does: 'Our SCCRQ holds only what RFC 2661 6.1 requires, and a challenge; it is dialled so once the peer refused the longer one.',
    seen: 'Yamaha refuses an SCCRQ with result 2, error 8.',
  },
  tunnelIdZero: {
    does: 'A message to tunnel 0 is for the one tunnel that its address and port have opened.',
    seen: 'D-Link DIR-300 writes 0 into its headers.',
    vendorName: /\bd-?link\b/i,
  },
  unknownMandatoryAvps: {
    does: 'Unknown AVPs are passed over although they have the M bit.',
    seen: 'Huawei sets the M bit on AVPs of its own.',
    vendorName: /\bhuawei\b/i,
  },
} as const satisfies Record<string, QuirkRow>;

export type QuirkName = keyof typeof quirkTable;

export const quirkNames = Object.keys(quirkTable) as QuirkName[];

const rows: Readonly<Record<QuirkName, QuirkRow>> = quirkTable;

/** Equal sets are one object: most of many thousand tunnels have none. */
const sets = new Map<string, ReadonlySet<QuirkName>>();

/** The work-arounds for a peer with this Vendor Name AVP, and those of its PeerProfile. */
export function quirksOf(vendorName: string | undefined, declared: readonly QuirkName[] = []): ReadonlySet<QuirkName> {
  const names = quirkNames.filter(
    (name) => declared.includes(name) || (vendorName !== undefined && rows[name].vendorName?.test(vendorName)),
  );
  const key = names.join(' ');
  const known = sets.get(key);
  if (known) return known;
  const set = new Set(names);
  sets.set(key, set);
  return set;
}
