/**
 * The option negotiation automaton (RFC 1661 4.1), as printed there: a cell is `actions/next state`, `-` cannot happen.
 * Without the passive and the restart option (notes p and r).
 */
export const State = {
  initial: 0,
  starting: 1,
  closed: 2,
  stopped: 3,
  closing: 4,
  stopping: 5,
  reqSent: 6,
  ackRcvd: 7,
  ackSent: 8,
  opened: 9,
} as const;
export type State = (typeof State)[keyof typeof State];

/** RFC 1661 4.4. One bit each, in the order in which they are done. */
export const Action = {
  /** This-Layer-Down. */
  tld: 1 << 0,
  /** Initialize-Restart-Count. */
  irc: 1 << 1,
  /** Zero-Restart-Count. */
  zrc: 1 << 2,
  /** Send-Configure-Request. */
  scr: 1 << 3,
  /** Send-Terminate-Request. */
  str: 1 << 4,
  /** Send-Configure-Ack. */
  sca: 1 << 5,
  /** Send-Configure-Nak or -Reject. */
  scn: 1 << 6,
  /** Send-Terminate-Ack. */
  sta: 1 << 7,
  /** Send-Code-Reject. */
  scj: 1 << 8,
  /** Send-Echo-Reply. */
  ser: 1 << 9,
  /** This-Layer-Up. */
  tlu: 1 << 10,
  /** This-Layer-Started. */
  tls: 1 << 11,
  /** This-Layer-Finished. */
  tlf: 1 << 12,
} as const;

const TABLE = {
  //         0     1         2         3             4     5     6         7         8         9
  Up: '    2     irc,scr/6 -         -             -     -     -         -         -         -',
  Down: '  -     -         0         tls/1         0     1     1         1         1         tld/1',
  Open: '  tls/1 1         irc,scr/6 3             5     5     6         7         8         9',
  Close: ' 0     tlf/0     2         2             4     4     irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4',
  'TO+': ' -     -         -         -             str/4 str/5 scr/6     scr/6     scr/8     -',
  'TO-': ' -     -         -         -             tlf/2 tlf/3 tlf/3     tlf/3     tlf/3     -',
  'RCR+': '-     -         sta/2     irc,scr,sca/8 4     5     sca/8     sca,tlu/9 sca/8     tld,scr,sca/8',
  'RCR-': '-     -         sta/2     irc,scr,scn/6 4     5     scn/6     scn/7     scn/6     tld,scr,scn/6',
  RCA: '   -     -         sta/2     sta/3         4     5     irc/7     scr/6     irc,tlu/9 tld,scr/6',
  RCN: '   -     -         sta/2     sta/3         4     5     irc,scr/6 scr/6     irc,scr/8 tld,scr/6',
  RTR: '   -     -         sta/2     sta/3         sta/4 sta/5 sta/6     sta/6     sta/6     tld,zrc,sta/5',
  RTA: '   -     -         2         3             tlf/2 tlf/3 6         6         8         tld,scr/6',
  RUC: '   -     -         scj/2     scj/3         scj/4 scj/5 scj/6     scj/7     scj/8     scj/9',
  'RXJ+': '-     -         2         3             4     5     6         6         8         9',
  'RXJ-': '-     -         tlf/2     tlf/3         tlf/2 tlf/3 tlf/3     tlf/3     tlf/3     tld,irc,str/5',
  RXR: '   -     -         2         3             4     5     6         7         8         ser/9',
} as const satisfies Record<string, string>;

/** RFC 1661 4.3, under the names of its table. */
export type AutomatonEvent = keyof typeof TABLE;

export interface Transition {
  readonly actions: number;
  readonly next: State;
}

function isAction(name: string): name is keyof typeof Action {
  return name in Action;
}

function readCell(cell: string): Transition | undefined {
  if (cell === '-') return undefined;
  const [state, ...names] = cell.split(/[/,]/).reverse();
  let actions = 0;
  for (const name of names) {
    if (!isAction(name)) throw new Error(`no such action: ${cell}`);
    actions |= Action[name];
  }
  const next = Object.values(State).find((value) => value === Number(state));
  if (next === undefined) throw new Error(`no such state: ${cell}`);
  return { actions, next };
}

function readRow(row: string): readonly (Transition | undefined)[] {
  return row.trim().split(/ +/).map(readCell);
}

/** By event and state; undefined where the table has a dash. */
export const TRANSITIONS: Readonly<Record<AutomatonEvent, readonly (Transition | undefined)[]>> = {
  Up: readRow(TABLE.Up),
  Down: readRow(TABLE.Down),
  Open: readRow(TABLE.Open),
  Close: readRow(TABLE.Close),
  'TO+': readRow(TABLE['TO+']),
  'TO-': readRow(TABLE['TO-']),
  'RCR+': readRow(TABLE['RCR+']),
  'RCR-': readRow(TABLE['RCR-']),
  RCA: readRow(TABLE.RCA),
  RCN: readRow(TABLE.RCN),
  RTR: readRow(TABLE.RTR),
  RTA: readRow(TABLE.RTA),
  RUC: readRow(TABLE.RUC),
  'RXJ+': readRow(TABLE['RXJ+']),
  'RXJ-': readRow(TABLE['RXJ-']),
  RXR: readRow(TABLE.RXR),
};

/** Whether the Restart timer runs in a state: those in which TO+ can happen. */
export function isTimed(state: State): boolean {
  return TRANSITIONS['TO+'][state] !== undefined;
}

/** Whether a Configure-Request of ours is being negotiated. */
export function isNegotiating(state: State): boolean {
  return state === State.reqSent || state === State.ackRcvd || state === State.ackSent;
}
