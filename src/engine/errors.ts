/**
 * Errors carry their scope as data, so that who catches one knows what it ends: nothing, a session or a tunnel.
 */

/** How far a defect in a received message reaches. `ignore`: drop and count it (RFC 2661 4.1, 4.2, 5.6). */
export type WireScope = 'ignore' | 'session' | 'tunnel';

/** The content of a Result Code AVP (RFC 2661 4.4.2). `errorCode` is sent only with result 2 (general error). */
export interface Result {
  result: number;
  error?: number;
  message?: string;
}

/** A received datagram or message that breaks the protocol's encoding rules. */
export class WireError extends Error {
  readonly scope: WireScope;
  /** A stable key to count by, e.g. `truncatedHeader`. */
  readonly reason: string;
  /** What to answer with when the scope is a session or a tunnel. */
  readonly result: Result;
  /** The session id that the sender gave in the message, if it could be read: whom a refusal is for. */
  assignedSessionId?: number;
  /** The receiver's id for the session, as far as the message itself tells it (RFC 3931 5.4.4, Remote Session ID). */
  sessionId?: number;

  constructor(scope: WireScope, reason: string, message: string, result: Result = { result: 2, error: 6 }) {
    super(message);
    this.name = 'WireError';
    this.scope = scope;
    this.reason = reason;
    this.result = { ...result, message };
  }
}

/** A refusal of the operating system. `code` is the errno's name, e.g. EADDRINUSE. */
export class PlaneError extends Error {
  readonly code: string;

  constructor(code: string, what: string) {
    super(`${what}: ${code}`);
    this.name = 'PlaneError';
    this.code = code;
  }
}

/** Where in the user's input a mistake stands. Lines and columns count from 1; `path` reads like `spec.helloInterval`. */
export interface SpecLocation {
  file?: string;
  line?: number;
  column?: number;
  path: string;
}

/** A mistake in a declared resource: what is wrong, where, and what to do. */
export class SpecError extends Error {
  readonly at: SpecLocation;
  /** `Kind/name` of the resource, when that much could be read. */
  readonly resource?: string;

  constructor(message: string, at: SpecLocation, resource?: string) {
    super(message);
    this.name = 'SpecError';
    this.at = at;
    this.resource = resource;
  }

  /** `file:line:column: Kind/name: path: message`, leaving out what is not known. */
  override toString(): string {
    const { file, line, column, path } = this.at;
    const place = [file, line, column].filter((part) => part !== undefined).join(':');
    return [place, this.resource, path, this.message].filter((part) => part).join(': ');
  }
}
