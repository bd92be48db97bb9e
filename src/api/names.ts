/** The name of what a peer opened, from its local ids. */
export function acceptedName(tunnelId: number, sessionId?: number): string {
  return sessionId === undefined ? `accepted-${tunnelId}` : `accepted-${tunnelId}-${sessionId}`;
}
