/** What the system's answers mean to the operator. */
const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'another program has this address and port',
  EADDRNOTAVAIL: 'this machine does not have this address',
  EAI_AGAIN: 'no name server answers',
  EHOSTUNREACH: 'no way to this address',
  ENETDOWN: 'the interface is down',
  ENETUNREACH: 'no route to this address',
  ENODEV: 'there is no such interface',
  ENOTFOUND: 'there is no such name',
  EPERM: 'permission denied',
};

/** A PlaneError's message, which ends with its code, and the code in words. */
export function inWords(message: string): string {
  const code = /: (E[A-Z0-9_]+)$/.exec(message)?.[1];
  const meaning = code === undefined ? undefined : words[code];
  return meaning === undefined ? message : `${message} (${meaning})`;
}
