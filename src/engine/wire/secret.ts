/**
 * A shared secret or password. It never shows its text when printed, logged, put in JSON or interpolated.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  constructor(value: string | Uint8Array) {
    this.#bytes = typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array(value);
  }

  /** How long it is. */
  get octets(): number {
    return this.#bytes.length;
  }

  /** The secret itself, for digests only. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** Compares in a time that depends on the other's length only. */
  equals(other: Secret): boolean {
    const ours = this.#bytes;
    const theirs = other.#bytes;
    let difference = ours.length ^ theirs.length;
    for (let i = 0; i < theirs.length; i++) difference |= (ours[i] ?? 0) ^ theirs[i];
    return difference === 0;
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
