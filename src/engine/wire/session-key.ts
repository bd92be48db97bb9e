/**
 * A session's key, unique over the engine: for L2TPv2 the local tunnel id in the upper and the local session id in the
 * lower 16 bits, as a signed 32-bit number; for L2TPv3 2^32 and the local session id.
 */
export type SessionKey = number;

/** PPPoE sessions stand beside them under tunnel id 0, which no L2TP tunnel of ours has. */
export function sessionKeyV2(localTunnelId: number, localSessionId: number): SessionKey {
  return (localTunnelId << 16) | localSessionId;
}

const firstKeyV3 = 0x1_0000_0000;

export function sessionKeyV3(localSessionId: number): SessionKey {
  return firstKeyV3 + localSessionId;
}

/** As operators know a session: the two local ids of L2TPv2, or the one of L2TPv3. */
export function sessionKeyText(key: SessionKey): string {
  return key < firstKeyV3 ? `${key >>> 16}/${key & 0xffff}` : `${key - firstKeyV3}`;
}
