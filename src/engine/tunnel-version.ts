/** Which version a tunnel speaks: as it is declared, and as its two ends find out (RFC 3931 4.7.3). */
import type { Result } from './errors.ts';
import type { Encapsulation, TunnelParameters } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';
import { type Dialect, dialects } from './wire/dialect.ts';
import type { Header } from './wire/header.ts';

/** What a tunnel is in one version. */
export interface TunnelIdentity {
  dialect: Dialect;
  localId: number;
}

/**
 * The versions that a tunnel which we dial may speak, first the one that its SCCRQ is written in: one that both can read
 * is L2TPv2's.
 */
export function dialectsOf(version: TunnelParameters['version'], encapsulation: Encapsulation): readonly Dialect[] {
  if (encapsulation === 'ip') return [dialects[3]];
  switch (version) {
    case 'auto':
      return [dialects[2], dialects[3]];
    case 'v2':
      return [dialects[2]];
    case 'v3':
      return [dialects[3]];
    default:
      return version satisfies never;
  }
}

/** What we answer an SCCRQ in, or why we do not. */
export function answerTo(
  { version }: Pick<Header, 'version'>,
  { assignedControlConnectionId }: AvpValues,
  wanted: TunnelParameters['version'],
): { dialect: Dialect; refusal?: undefined } | { dialect?: undefined; refusal: Result } {
  const offered = [dialects[version]];
  if (assignedControlConnectionId !== undefined) offered.unshift(dialects[3]);
  const taken = dialectsOf(wanted, 'udp');
  const dialect = offered.find((each) => taken.includes(each));
  if (dialect) return { dialect };
  const highest = wanted === 'v2' ? 2 : 3;
  return {
    refusal: { result: 5, error: highest, message: `L2TPv${version} is not spoken with this peer, L2TPv${highest} is` },
  };
}
