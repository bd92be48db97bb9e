import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../../netns/lab.ts';

/** A static tunnel of the kernel's, as `ip l2tp add tunnel` makes it. */
export interface KernelTunnel {
  tunnelId: number;
  peerTunnelId: number;
  local: string;
  remote: string;
  /** Directly over IP when absent. */
  ports?: { local: number; remote: number };
}

/** An Ethernet session of the kernel's in such a tunnel, as `ip l2tp add session` makes it. */
export interface KernelSession {
  /** Of its network device. */
  name: string;
  sessionId: number;
  peerSessionId: number;
  /** Hexadecimal: what the kernel sends, and what it takes. */
  cookie?: string;
  peerCookie?: string;
  sublayer: 'none' | 'default';
  /** send: it numbers what it sends; recv: it drops what is not numbered. It also follows the peer in sending. */
  seq: 'none' | 'send' | 'recv' | 'both';
  /** With prefix length, of its device. */
  address?: string;
}

/** What the kernel tells of a session. */
export interface KernelSessionState {
  requiresSequence: boolean;
  sendsSequence: boolean;
  /** Ns of the next data message that it sends, and of the next that it expects. */
  ns: number;
  nr: number;
  sublayerOctets: number;
  tx: KernelCounters;
  rx: KernelCounters;
}

export interface KernelCounters {
  packets: number;
  octets: number;
  errors: number;
}

/** Adds a tunnel. */
export async function addTunnel(namespace: Namespace, tunnel: KernelTunnel): Promise<void> {
  const { tunnelId, peerTunnelId, local, remote, ports } = tunnel;
  const over = ports ? `encap udp udp_sport ${ports.local} udp_dport ${ports.remote}` : 'encap ip';
  const ids = `tunnel_id ${tunnelId} peer_tunnel_id ${peerTunnelId}`;
  await batch(namespace, [`l2tp add tunnel ${ids} local ${local} remote ${remote} ${over}`]);
}

/** Adds sessions to a tunnel, with their devices up. */
export async function addSessions(
  namespace: Namespace,
  tunnelId: number,
  sessions: readonly KernelSession[],
): Promise<void> {
  const lines = sessions.flatMap(({ name, sessionId, peerSessionId, cookie, peerCookie, sublayer, seq, address }) => {
    const cookies = [cookie && `cookie ${cookie}`, peerCookie && `peer_cookie ${peerCookie}`].filter(Boolean).join(' ');
    const ids = `tunnel_id ${tunnelId} session_id ${sessionId} peer_session_id ${peerSessionId}`;
    return [
      `l2tp add session name ${name} ${ids} ${cookies} l2spec_type ${sublayer} seq ${seq}`,
      ...(address === undefined ? [] : [`address add ${address} dev ${name}`]),
      `link set ${name} up`,
    ];
  });
  await batch(namespace, lines);
}

export async function removeSession(namespace: Namespace, tunnelId: number, sessionId: number): Promise<void> {
  await namespace.ip('l2tp', 'del', 'session', 'tunnel_id', String(tunnelId), 'session_id', String(sessionId));
}

async function batch(namespace: Namespace, lines: readonly string[]): Promise<void> {
  const file = join(namespace.lab.directory, `${namespace.name}-batch`);
  await writeFile(file, `${lines.join('\n')}\n`);
  await namespace.ip('-batch', file);
}

/** Removes a tunnel with its sessions. */
export async function removeTunnel(namespace: Namespace, tunnelId: number): Promise<void> {
  await namespace.ip('l2tp', 'del', 'tunnel', 'tunnel_id', String(tunnelId));
}

/** The kernel's table of tunnels and sessions, as it prints it. */
export async function kernelTable(namespace: Namespace): Promise<string> {
  // `ip netns exec` mounts a /sys of its own, without debugfs.
  const debug = '/sys/kernel/debug';
  return await namespace.run('sh', '-c', `mount -t debugfs debugfs ${debug} && cat ${debug}/l2tp/tunnels`);
}

/** What the kernel tells of its sessions, by their ids. */
export async function kernelSessions(namespace: Namespace): Promise<Map<number, KernelSessionState>> {
  const blocks = (await kernelTable(namespace)).split(/^ {2}SESSION (?=\d)/m).slice(1);
  return new Map(blocks.map((block) => [Number.parseInt(block, 10), stateOf(block)]));
}

function stateOf(block: string): KernelSessionState {
  const [, required, sent] = match(block, /config \S*\/([R-])\/([S-])\//);
  const [, sublayerOctets] = match(block, /l2specific \d+\/(\d+)/);
  const [, nr, ns, ...counters] = match(block, /^ +(\d+)\/(\d+) tx (\d+)\/(\d+)\/(\d+) rx (\d+)\/(\d+)\/(\d+)/m);
  const [txPackets, txOctets, txErrors, rxPackets, rxOctets, rxErrors] = counters.map(Number);
  return {
    requiresSequence: required === 'R',
    sendsSequence: sent === 'S',
    ns: Number(ns),
    nr: Number(nr),
    sublayerOctets: Number(sublayerOctets),
    tx: { packets: txPackets, octets: txOctets, errors: txErrors },
    rx: { packets: rxPackets, octets: rxOctets, errors: rxErrors },
  };
}

function match(text: string, pattern: RegExp): RegExpMatchArray {
  const found = text.match(pattern);
  if (found === null) throw new Error(`${pattern} does not fit the kernel's session:\n${text}`);
  return found;
}
