import type { Act } from './act.ts';
import { pppoe } from './pppoe.ts';
import { theyCallUs } from './they-call-us.ts';
import { weCallThem } from './we-call-them.ts';

export const acts: readonly Act[] = [theyCallUs, weCallThem, pppoe];
