/** What can be traced, at system, tunnel and session level. */
export const traceCategories = [
  'protocol',
  'fsm',
  'api',
  'avpInfo',
  'avpHide',
  'avpData',
  'transport',
  'data',
  'system',
  'ppp',
] as const;

export type TraceCategory = (typeof traceCategories)[number];
