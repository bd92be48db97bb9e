/** How a session's default route takes precedence without cutting off the tunnel that carries it. */
import type { DeviceRoute } from './devices.ts';
import type { Rtnl } from './rtnl.ts';
import type { Route } from './rtnl-objects.ts';

const everything = { destination: '0.0.0.0', prefix: 0 };
/** Together they are everything, and each is more specific than any default route. */
const halves = [
  { destination: '0.0.0.0', prefix: 1 },
  { destination: '128.0.0.0', prefix: 1 },
];

/** A default route preferred to those on other links; where one has the best metric of all, two halves instead. */
export function defaultRoutes(rtnl: Rtnl, own: number): DeviceRoute[] {
  const metrics = otherDefaults(rtnl, [own]).map((route) => route.metric ?? 0);
  const best = Math.min(...metrics);
  if (best === 0) return halves;
  return [best === Number.POSITIVE_INFINITY ? everything : { ...everything, metric: best - 1 }];
}

/**
 * A host route that leads to the tunnel's remote address where the default route outside our devices leads now.
 * Undefined when a more specific route holds it anyway.
 */
export function guardingRoute(rtnl: Rtnl, remote: string, ownLinks: readonly number[]): Route | undefined {
  const now = rtnl.routeTo(remote);
  const byDefault = now === undefined || now.prefix <= 1 || ownLinks.includes(now.link);
  if (!byDefault) return undefined;
  const [best] = otherDefaults(rtnl, ownLinks).sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  return best && { destination: remote, prefix: 32, link: best.link, gateway: best.gateway };
}

function otherDefaults(rtnl: Rtnl, ownLinks: readonly number[]): Route[] {
  return rtnl
    .routes()
    .filter((route) => route.destination === '0.0.0.0' && route.prefix === 0 && !ownLinks.includes(route.link));
}
