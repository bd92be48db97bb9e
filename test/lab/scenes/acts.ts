import type { Act } from './act.ts';
import { kernelExample } from './kernel-example.ts';
import { kernelPseudowires } from './kernel-pseudowires.ts';
import { kernelVlan } from './kernel-vlan.ts';
import { pppoe } from './pppoe.ts';
import { theyCallUs } from './they-call-us.ts';
import { weCallThem } from './we-call-them.ts';

export const acts: readonly Act[] = [theyCallUs, weCallThem, pppoe, kernelPseudowires, kernelVlan, kernelExample];
