/** A Gateway's RADIUS servers. */
import type { RadiusServerSpec, RadiusSpec } from '../engine/spec.ts';
import { builtIn, type GatewayFields } from './generated.ts';
import type { Layer } from './layers.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import type { SecretLookup } from './secrets.ts';
import { durationMs } from './units.ts';

type DeclaredServer = NonNullable<GatewayFields['radius']>['servers'][number];

/** What a server has that says nothing else. The schema's defaults of list items are not among the built-in values. */
const serverDefaults = { authPort: 1812, acctPort: 1813, coaPort: 3799, timeout: '3s', retries: 3 } as const;

/** With a mistake in it, RADIUS stays as it was before. */
export function radiusOf(
  declarations: Declarations,
  secretOf: SecretLookup,
  gateway: Resource<'Gateway'> | undefined,
  before: RadiusSpec | undefined,
): RadiusSpec | undefined {
  const declared = gateway?.document.spec.radius;
  if (!gateway || !declared) return undefined;
  const errors = declarations.errors.length;
  const servers = declared.servers.flatMap((server, at) => serverOf(secretOf, gateway, server, at) ?? []);
  checkServers(declarations, gateway, declared.servers);
  if (declarations.errors.length > errors) return before;
  const { hostName } = gateway.document.spec;
  const values = { ...builtIn.Gateway.radius, ...declared };
  return {
    servers,
    nasIdentifier: values.nasIdentifier ?? hostName ?? gateway.name,
    nasAddress: values.nasAddress,
    interimIntervalMs: durationMs(values.interimInterval),
    deadTimeMs: durationMs(values.deadTime),
  };
}

/** Undefined: its secret cannot be had. */
function serverOf(
  secretOf: SecretLookup,
  gateway: Resource<'Gateway'>,
  declared: DeclaredServer,
  at: number,
): RadiusServerSpec | undefined {
  const layer: Layer = {
    from: gateway.id,
    values: declared,
    locate: ([spec, ...path]) => gateway.locate([spec, 'radius', 'servers', at, ...path]),
  };
  const secret = secretOf([layer], 'secret', gateway.id);
  const { address, authPort, acctPort, coaPort, timeout, retries } = { ...serverDefaults, ...declared };
  return secret && { address, authPort, acctPort, coaPort, secret, timeoutMs: durationMs(timeout), retries };
}

function checkServers(
  declarations: Declarations,
  gateway: Resource<'Gateway'>,
  servers: readonly DeclaredServer[],
): void {
  const taken = new Set<string>();
  for (const [at, server] of servers.entries()) {
    const path = `radius.servers.${at}`;
    const { address, authPort, acctPort } = { ...serverDefaults, ...server };
    const ports = [
      ...(authPort === 0 ? [] : [`authPort ${authPort}`]),
      ...(acctPort === 0 ? [] : [`acctPort ${acctPort}`]),
    ];
    if (ports.length === 0) {
      const message = `authPort and acctPort are 0, so ${address} would never be asked: leave one of them out`;
      declarations.reportAt(gateway, path, message);
    }
    const twice = ports.find((port) => taken.has(`${address} ${port}`));
    if (twice) declarations.reportAt(gateway, `${path}.address`, `an earlier server has ${address} with ${twice} too`);
    for (const port of ports) taken.add(`${address} ${port}`);
  }
}
