/** A Gateway's filters -> the rules that user packets meet. */
import type { FilterRule, FilterSpec } from '../engine/spec.ts';
import { canonicalPrefix } from './addresses.ts';
import type { GatewayFields } from './generated.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';

type DeclaredFilter = NonNullable<GatewayFields['filters']>[number];
type DeclaredRule = DeclaredFilter['rules'][number];

/** IP protocol numbers. */
const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

export function filterOf({ name, rules }: DeclaredFilter): FilterSpec {
  return { name, rules: rules.map(ruleOf) };
}

/** Reports what is wrong with them. Whether they are good. */
export function checkFilters(declarations: Declarations, gateway: Resource<'Gateway'>): boolean {
  const errors = declarations.errors.length;
  const names = new Set<string>();
  for (const [at, { name, rules }] of (gateway.document.spec.filters ?? []).entries()) {
    if (names.has(name)) {
      declarations.reportAt(gateway, `filters.${at}.name`, `an earlier filter is called ${name} too`);
    }
    names.add(name);
    for (const [ruleAt, rule] of rules.entries()) {
      for (const { field, message } of mistakesOf(rule)) {
        declarations.reportAt(gateway, `filters.${at}.rules.${ruleAt}.${field}`, message);
      }
    }
  }
  return declarations.errors.length === errors;
}

function ruleOf({
  action,
  direction = 'both',
  protocol,
  source,
  destination,
  sourcePorts,
  destinationPorts,
}: DeclaredRule): FilterRule {
  return {
    action,
    direction,
    protocol: protocolOf(protocol),
    source: source === undefined ? undefined : canonicalPrefix(source),
    destination: destination === undefined ? undefined : canonicalPrefix(destination),
    sourcePorts: parsePorts(sourcePorts),
    destinationPorts: parsePorts(destinationPorts),
  };
}

function protocolOf(protocol: DeclaredRule['protocol']): number | undefined {
  return typeof protocol === 'string' ? protocols[protocol as keyof typeof protocols] : protocol;
}

/** Rules that no packet could fit. */
function mistakesOf(rule: DeclaredRule): { field: keyof DeclaredRule; message: string }[] {
  const { source, destination } = rule;
  const protocol = protocolOf(rule.protocol);
  const mistakes: { field: keyof DeclaredRule; message: string }[] = [];
  const families = [source, destination].filter((text) => text !== undefined).map(familyOf);
  if (new Set(families).size > 1) {
    const message = `no packet goes from ${source} to ${destination}: give addresses of one family`;
    mistakes.push({ field: 'destination', message });
  } else if (families.length > 0 && (protocol === protocols.icmp || protocol === protocols.icmpv6)) {
    const own = protocol === protocols.icmp ? 'IPv4' : 'IPv6';
    if (families[0] !== own) {
      mistakes.push({
        field: 'protocol',
        message: `${rule.protocol} is of ${own}, the addresses are of ${families[0]}`,
      });
    }
  }
  for (const field of ['sourcePorts', 'destinationPorts'] as const) {
    if (rule[field] === undefined || protocol === undefined) continue;
    if (protocol === protocols.tcp || protocol === protocols.udp) continue;
    mistakes.push({ field, message: `only tcp and udp have ports, and protocol is ${rule.protocol}` });
  }
  return mistakes;
}

function familyOf(text: string): 'IPv4' | 'IPv6' {
  return text.includes(':') ? 'IPv6' : 'IPv4';
}

/** Reads `80` or `1024-65535`; undefined for anything else. */
export function parsePorts(ports: number | string | undefined): FilterRule['sourcePorts'] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(ports));
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 65535 ? { first, last } : undefined;
}
