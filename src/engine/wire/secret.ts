import { createHash } from 'node:crypto';

/**
 * A shared secret or password. It never shows its text when printed, logged, put in JSON or interpolated.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  constructor(value: string | Uint8Array) {
    this.#bytes = typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array(value);
  }

  /** The secret itself, for digests only. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  equals(other: Secret): boolean {
    return digestOf(this.#bytes).equals(digestOf(other.#bytes));
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
