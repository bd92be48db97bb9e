/** How long a plugin may think about one question. */
const answerWithinMs = 2_000;
/** Questions that one plugin may have to think about at once. */
const maxAsked = 1_000;

/** What a plugin answered, or why it has no answer. */
export type Outcome = { value: unknown } | { failure: string };

/** The questions of one plugin. */
export class Asking {
  private asked = 0;

  /** `settle` is called exactly once, and never at once: the engine is in the midst of something. */
  ask(question: () => unknown, settle: (outcome: Outcome) => void): void {
    if (this.asked >= maxAsked) {
      queueMicrotask(() => settle({ failure: `${maxAsked} calls wait for its answer` }));
      return;
    }
    this.asked++;
    let answered = false;
    const done = (outcome: Outcome) => {
      if (answered) return;
      answered = true;
      this.asked--;
      clearTimeout(timer);
      settle(outcome);
    };
    const timer = setTimeout(() => done({ failure: `no answer within ${answerWithinMs} ms` }), answerWithinMs);
    Promise.resolve()
      .then(question)
      .then(
        (value) => done({ value }),
        (error: unknown) => done({ failure: reasonOf(error) }),
      );
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
