/** What the names of what peers opened begin with. */
export const ACCEPTED = 'accepted-';

/** The name of what a peer opened, from its local ids. */
export function acceptedName(tunnelId: number, sessionId?: number): string {
  return sessionId === undefined ? `${ACCEPTED}${tunnelId}` : `${ACCEPTED}${tunnelId}-${sessionId}`;
}
