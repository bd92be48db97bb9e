/** The text of an MS-CHAP Failure, `E=691 R=0 C=... V=3 M=...` (RFC 2433 8, RFC 2759 6), written, read and put in words. */

export const MsChapError = { passwordExpired: 648, authenticationFailure: 691, changingPassword: 709 } as const;

const WORDS = new Map<number, string>([
  [646, 'logon is restricted at this hour'],
  [647, 'the account is disabled'],
  [MsChapError.passwordExpired, 'the password has expired'],
  [649, 'no permission to dial in'],
  [MsChapError.authenticationFailure, 'authentication failed'],
  [MsChapError.changingPassword, 'the password could not be changed'],
]);

export interface MsChapFailure {
  error: number;
  /** Whether the peer may try again. */
  retry: boolean;
  /** What the peer has to answer next. */
  challenge?: Uint8Array;
  /** Of MS-CHAP. */
  version?: number;
  message: string;
}

export function writeMsChapFailure({ error, retry, challenge, version, message }: MsChapFailure): string {
  const fields = [`E=${error}`, `R=${retry ? 1 : 0}`];
  if (challenge !== undefined) fields.push(`C=${Buffer.from(challenge).toString('hex').toUpperCase()}`);
  if (version !== undefined) fields.push(`V=${version}`);
  if (message !== '') fields.push(`M=${message}`);
  return fields.join(' ');
}

/** Fields may come in any order, but the message is all that follows `M=`. Undefined: the text has no error number. */
export function readMsChapFailure(text: string): MsChapFailure | undefined {
  const messageAt = /(?:^| )M=/.exec(text);
  const fields = messageAt === null ? text : text.slice(0, messageAt.index);
  const message = messageAt === null ? '' : text.slice(messageAt.index + messageAt[0].length);
  const field = (pattern: RegExp): string | undefined => pattern.exec(fields)?.[1];
  const error = field(/\bE=(\d{1,10})\b/);
  if (error === undefined) return undefined;
  const challenge = field(/\bC=((?:[0-9A-Fa-f]{2}){1,32})\b/);
  const version = field(/\bV=(\d{1,10})\b/);
  return {
    error: Number(error),
    retry: field(/\bR=(\d)\b/) === '1',
    challenge: challenge === undefined ? undefined : Uint8Array.from(Buffer.from(challenge, 'hex')),
    version: version === undefined ? undefined : Number(version),
    message,
  };
}

/** The same text for a peer that has no try left. */
export function withoutRetry(text: string): string {
  return text.replace(/\bR=1\b/, 'R=0');
}

/** What a Failure says, for people; never its challenge. Other text as it is. */
export function msChapFailureInWords(text: string): string {
  const failure = readMsChapFailure(text);
  if (failure === undefined) return text;
  const words = WORDS.get(failure.error);
  const said = failure.message === words ? '' : failure.message;
  return [[words, `(error ${failure.error})`].filter(Boolean).join(' '), said].filter(Boolean).join(': ');
}
