/**
 * Which characters of our source have run, as V8 tells it block by block.
 */
import { type Profiler, Session } from 'node:inspector';

/** Characters that ran for the first time, for each script. */
export type Novelty = Map<string, Set<number>>;

export class Coverage {
  private readonly session = new Session();
  /** For each script, 1 where a character has run. */
  private readonly seen = new Map<string, Uint8Array>();

  start(): void {
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.take();
  }

  stop(): void {
    this.session.post('Profiler.stopPreciseCoverage');
    this.session.disconnect();
  }

  /** What ran since the last look and never before it. */
  look(): Novelty {
    const novelty: Novelty = new Map();
    for (const script of this.take()) {
      const ran = painted(script);
      const before = this.seen.get(script.url) ?? new Uint8Array(0);
      const after = new Uint8Array(Math.max(before.length, ran.length));
      after.set(before);
      const fresh = new Set<number>();
      for (let at = 0; at < ran.length; at++) {
        if (ran[at] === 0 || after[at] === 1) continue;
        after[at] = 1;
        fresh.add(at);
      }
      if (fresh.size === 0) continue;
      this.seen.set(script.url, after);
      novelty.set(script.url, fresh);
    }
    return novelty;
  }

  /** Takes out of `novelty` what ran since the last look, and tells whether that was anything. */
  explains(novelty: Novelty): boolean {
    let any = false;
    for (const script of this.take()) {
      const fresh = novelty.get(script.url);
      if (!fresh) continue;
      const ran = painted(script);
      for (const at of fresh) if (ran[at] === 1) any = fresh.delete(at) || any;
      if (fresh.size === 0) novelty.delete(script.url);
    }
    return any;
  }

  private take(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    // Within one thread the answer comes before the call returns.
    this.session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      result = taken.result.filter(({ url }) => url.includes('/src/'));
    });
    return result;
  }
}

/** Outer blocks come before those inside them, which have the last word. */
function painted({ functions }: Profiler.ScriptCoverage): Uint8Array {
  const end = functions.reduce((most, { ranges }) => Math.max(most, ranges[0]?.endOffset ?? 0), 0);
  const ran = new Uint8Array(end);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  return ran;
}
