/** Waiting for conditions: every wait in the lab has a name and an end. */

const pollEveryMs = 50;

/** Thrown by a probe when what is waited for can no longer come. */
export class Hopeless extends Error {}

/**
 * Polls `probe` until it gives something other than undefined or false, and returns that.
 * @throws Error naming `what`, with the probe's last failure, after `timeoutMs`; the probe's own Hopeless at once.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}${last}`);
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
  }
}
