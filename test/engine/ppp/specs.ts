/** Specs for tests: the built-in profile values, with changes. */
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';

const LIMITS = { maxConfigRequests: 10, maxConfigNaks: 10, maxTerminateRequests: 3, retransmitMs: 3000 };

const BASE: PppSpec = {
  role: 'server',
  profile: 'default',
  aaa: 'local',
  idleTimeoutMs: 0,
  maxConnectMs: 0,
  interimIntervalMs: 0,
  mssClamp: true,
  mppe: 'none',
  mtu: 1500,
  mru: 1500,
  acfc: true,
  pfc: true,
  magicNumber: true,
  authMethods: ['mschapv2', 'chap', 'pap'],
  authenticatePeer: false,
  localName: 'lns',
  chapIntervalMs: 0,
  chapMaxChallenge: 10,
  chapRestartMs: 3000,
  papMaxRequests: 10,
  papRestartMs: 3000,
  papTimeoutMs: 0,
  lcp: LIMITS,
  ipcp: LIMITS,
  echoIntervalMs: 0,
  echoFailures: 5,
  ipv4: { dns: [], wins: [], defaultRoute: false, proxyArp: false },
  ipv6: { enabled: false, dns: [] },
};

export function serverSpec(changes: Partial<PppSpec> = {}): PppSpec {
  return { ...BASE, authenticatePeer: true, ...changes };
}

export function clientSpec(changes: Partial<PppSpec> = {}): PppSpec {
  const authMethods = [...BASE.authMethods, 'mschapv1', 'eap'] as const;
  return {
    ...BASE,
    authMethods,
    role: 'client',
    userName: 'bob',
    password: new Secret('hunter2'),
    localName: 'bob',
    ...changes,
  };
}

export const ADDRESSES = { server: 0x0a000001, client: 0x0a000102, dns1: 0x08080808, dns2: 0xc0a80101 };
