import type {
  AaaSpec,
  DeviceSpec,
  GatewaySpec,
  PlaneDevice,
  PoolView,
  PppoeServerView,
  RadiusView,
  SessionSpec,
  SessionView,
  SystemSpec,
  TunnelSpec,
  TunnelView,
} from '../engine/spec.ts';

/** What should be: all resources, resolved. */
export interface DesiredState {
  system: SystemSpec;
  gateway: GatewaySpec;
  aaa: AaaSpec;
  devices: ReadonlyMap<string, DeviceSpec>;
  tunnels: ReadonlyMap<string, TunnelSpec>;
  sessions: ReadonlyMap<string, SessionSpec>;
}

/** What is, by the same names. Accepted tunnels and sessions are only counted here. */
export interface ObservedState {
  system: SystemSpec;
  /** As applied last; undefined before the first time. */
  gateway: GatewaySpec | undefined;
  aaa: AaaSpec | undefined;
  /** Shared devices and the devices of sessions, by device name. */
  devices: ReadonlyMap<string, PlaneDevice>;
  /** A tunnel that failed stays here as `closed`, with its failure, until it is opened again or closed. */
  tunnels: ReadonlyMap<string, TunnelView>;
  sessions: ReadonlyMap<string, SessionView>;
  accepted: { tunnels: number; sessions: number };
  pools: readonly PoolView[];
  /** Absent: nobody has configured RADIUS. */
  radius?: RadiusView;
  /** Those of the gateway that was applied last, also where the system refuses one. */
  pppoeServers: readonly PppoeServerView[];
}

/** What a daemon does that nobody configured. */
export const emptySystem: SystemSpec = { hooks: {}, plugins: [], trace: [] };

/** One step from what is to what should be. `reason` is written for the operator. */
export type Action = { reason: string } & (
  | { action: 'configureSystem'; spec: SystemSpec }
  | { action: 'configureGateway'; spec: GatewaySpec }
  | { action: 'configureAaa'; spec: AaaSpec }
  | { action: 'configureDevice'; spec: DeviceSpec }
  | { action: 'removeDevice'; name: string }
  | { action: 'repairDevice'; name: string }
  | { action: 'openTunnel'; spec: TunnelSpec }
  | { action: 'modifyTunnel'; spec: TunnelSpec }
  | { action: 'closeTunnel'; name: string }
  | { action: 'openSession'; spec: SessionSpec }
  | { action: 'modifySession'; spec: SessionSpec }
  | { action: 'closeSession'; name: string }
);

/** The live world as the reconciler meets it. */
export interface Live {
  /**
   * Starts the action; that a tunnel or session comes up is seen by observing.
   * Closing sends StopCCN or CDN at once and forgets the name; the wire side may linger unseen.
   * @throws PlaneError when the system refuses, Error when a name does not resolve
   */
  apply(action: Action): Promise<void>;
  observe(): Promise<ObservedState>;
}
