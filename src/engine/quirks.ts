/** Named work-arounds for peers that deviate from the RFC. */
export const quirkNames = ['tunnelIdZero', 'omitRxConnectSpeed'] as const;

export type QuirkName = (typeof quirkNames)[number];
