import type { Lab } from '../../netns/lab.ts';

/** Scenes that share hosts and daemons, played one after the other. */
export interface Act<Scene extends string = string> {
  name: string;
  scenes: readonly Scene[];
  /** Sets the stage. */
  open(lab: Lab): Promise<Stage<Scene>>;
}

export interface Stage<Scene extends string = string> {
  /** @throws Error when something is not as it should be. */
  play(scene: Scene): Promise<void>;
  /** Hangs up, whether the scene went well or not, and waits until everybody has. */
  end(scene: Scene): Promise<void>;
  /** What those who play have said, for when a scene fails. */
  logs(scene: Scene): Promise<string>;
}

/** What came of a scene. */
export interface Outcome {
  act: string;
  scene: string;
  /** Seconds on the machine's clock. */
  seconds: number;
  failure?: string;
}
