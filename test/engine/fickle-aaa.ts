/** An AAA that thinks long, grants little, and changes its mind: for simulations. */
import type { SessionLimits } from '../../src/engine/aaa.ts';
import type { Node, SeededRandom, World } from './world.ts';

const unlimited: SessionLimits = { sessionTimeoutMs: 0, idleTimeoutMs: 0 };

export class FickleAaa {
  private readonly world: World;
  private readonly dice: SeededRandom;
  /** Slow, and sometimes without any answer. */
  private readonly slow: boolean;

  constructor(world: World, dice: SeededRandom) {
    this.world = world;
    this.dice = dice;
    this.slow = dice.chance(0.5);
  }

  /** What a user may be granted, or a live call be held to. */
  limits(): SessionLimits {
    const { dice } = this;
    const ms = (chance: number, most: number) => (dice.chance(chance) ? 500 + dice.below(most) : undefined);
    return {
      sessionTimeoutMs: ms(0.3, 30_000),
      idleTimeoutMs: ms(0.3, 20_000),
      interimIntervalMs: ms(0.6, 10_000),
      rate: dice.chance(0.5) ? { txBps: dice.below(9_999), rxBps: 0 } : undefined,
    };
  }

  /** From now on the node's subscribers are at its mercy. */
  reign(node: Node, user: string): void {
    const { dice } = this;
    node.grants.set(user, { ...node.grants.get(user), ...this.limits() });
    if (!this.slow) return;
    node.aaaDelayMs = () => (dice.chance(0.05) ? undefined : dice.below(dice.chance(0.3) ? 20_000 : 500));
  }

  /** Wants something of some calls. */
  interfere(node: Node, user: string): void {
    const { dice, world } = this;
    node.grants.set(user, { ...node.grants.get(user), ...this.limits() });
    for (const key of keysOf(node)) {
      if (dice.chance(0.5)) continue;
      const effects = dice.chance(0.3)
        ? node.engine.disconnect(key, 'adminReset', 'the AAA wants it', world.now)
        : node.engine.changeLimits(key, this.limits(), world.now);
      node.run(effects ?? []);
    }
  }

  /** Lets everybody be. */
  rest(node: Node, user: string): void {
    const { tunnels } = node.grants.get(user) ?? {};
    node.grants.set(user, { tunnels });
    node.aaaDelayMs = () => 1;
    for (const key of keysOf(node)) node.run(node.engine.changeLimits(key, unlimited, this.world.now) ?? []);
  }
}

function keysOf({ planeSessions }: Node): number[] {
  return [...planeSessions.keys()];
}
