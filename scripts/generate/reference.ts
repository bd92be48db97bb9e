import { atLeastOne, atMostOne, exactlyOne, type KindSchema, mapValues, type Schema } from './schema.ts';

const intro = `# Resources

Every document has \`apiVersion: prol2tp.io/v1alpha1\`, \`kind\`, \`metadata.name\` and \`spec\`. Files may hold several
documents. Core \`v1\` \`Secret\` documents are taken too, for the secrets that others refer to; so is a file, by
\`secretFile\` or \`passwordFile\`, relative to the document. Durations are text with a unit: \`500ms\`, \`60s\`, \`5m\`, \`1h\`; rates are bits
per second, with \`k\`, \`M\` or \`G\` for thousands, millions and billions: \`100M\`.

## Which value applies
Of all that could say a value, the first that does:

| values of | from |
|---|---|
| a tunnel | the Tunnel, the TunnelProfile it names, the PeerProfile's TunnelProfile (when the peer matches), TunnelProfile \`default\`, built-in |
| a session | the Session, the SessionProfile it names, the tunnel's, the PeerProfile's, SessionProfile \`default\`, built-in |
| PPP | the PppProfile that the session names, the tunnel's, the PeerProfile's, PppProfile \`default\`, built-in |
| Ethernet | the EthernetProfile that the session names, the tunnel's, the PeerProfile's, EthernetProfile \`default\`, built-in |
| a PppoeServer's calls | the SessionProfile and the PppProfile that it names, then as above |

A profile named \`default\` always exists; declaring it changes it. \`prol2tp explain tunnel|session NAME\` shows each value
with the resource that it comes from.

## Which peers may come
The PeerProfile that matches best: a host name beats an address, an exact name a pattern, a long prefix a short one.
Two that match alike are an error that names both. Where no PeerProfile is declared, anybody may open tunnels to a
Gateway that listens.

## What a change costs
\`prol2tp plan DIR\` tells before it happens. In place: \`helloInterval\`, \`maxRetries\`, \`retryTimeout\`, \`transmitWindow\`,
\`maxSessions\`, \`idleTimeout\`, \`persist\`, \`trace\`, \`useSequenceNumbers\`, \`reorderTimeout\`, \`forward\`, \`usePppProxy\`,
\`connectSpeed\` (the LNS of a call of type lacIncoming is told); of PPP the limits \`idleTimeout\`, \`maxConnectTime\`,
\`interimInterval\`, \`rateLimit\` and \`filter\`; of Ethernet \`mtu\`, \`macAddress\`, \`bridge\` and \`addresses\`; and everything of a Gateway, PeerProfile, PppoeServer, AddressPool and
Subscriber. A filter's new rules hold for live calls too; else these keep what they were given, and those of a PppoeServer
end when its interface is served no more. Everything else of a Tunnel or Session re-establishes that one, and no other.
An accepted tunnel goes on under the PeerProfile that matches its peer after a change; if none does, it is closed.
`;

const pseudowires = `
## L2TPv3
Tunnels that we dial speak L2TPv2 unless \`version\` says otherwise; peers that dial us are answered in the version of their
request. With a secret every control message is signed (\`digest\`); without one the digest only shows that it is whole.
A peer with another secret is not answered: \`prol2tp describe gateway\` counts what it sends as \`wrongDigest\`.
\`secondSecretRef\` is for changing a secret: first both ends get the new one as the second, then as the first, then the
old one goes.

A Session with a \`pseudowire\` other than \`ppp\` is attached to a network device (\`ethernet\`, \`vlan\`: by its
EthernetProfile) or to a program behind a socket (\`hdlc\`, \`frameRelay\`, ATM: by its \`circuit\`). Both ends must name it
by the same \`remoteEndId\`. Of what peers bring in tunnels that they open, the PeerProfile's SessionProfile says which one
pseudowire it may be: \`ppp\`, \`ethernet\` or \`vlan\`. A circuit needs a declared Session.

A Tunnel with \`static\` has no control connection: ids and cookies of it and of its Sessions are declared at both ends,
crosswise. PPP in a static session works where both ends run PPP. Static Sessions may also stand in a Tunnel of L2TPv3, at both
ends, whose control connection then only shows that the peer is there.
`;

const conditions = `
## What has no field
Some parameters of older L2TP daemons mean nothing here: \`remoteName\` (a client's password stands with its Session, a
server's users are found by the names that they give), \`asyncmap\` and \`syncMode\` (PPP in L2TP is never escaped, RFC 2661
5.3), and a Subscriber's \`pppProfile\` (who the user is, is known only when LCP is open, and with it what a profile says of
LCP is settled; give users their limits, filters and addresses themselves).

## Status
\`prol2tp get ... -o yaml\` shows the same status that a CustomResource has. Every kind has \`observedGeneration\` and
\`conditions\`: \`Ready\`, \`Reconciling\` (being worked on), \`Stalled\` (nothing happens until somebody does something),
\`Established\` on tunnels and sessions, \`PeerAuthenticated\` on tunnels. Reason and message say what is, and what to do:
a pseudowire whose circuit is down is \`CircuitDown\`, or \`PeerCircuitDown\` when it is the peer's; an AddressPool that has
nothing left is \`PoolExhausted\`, a Gateway none of whose RADIUS servers answers
\`RadiusUnavailable\`.
`;

const order = [
  'Gateway',
  'PeerProfile',
  'TunnelProfile',
  'Tunnel',
  'SessionProfile',
  'Session',
  'PppProfile',
  'EthernetProfile',
  'PppoeServer',
  'AddressPool',
  'Subscriber',
];

/** The reference of all kinds and fields, as docs/resources.md. */
export function referenceText(kinds: ReadonlyMap<string, KindSchema>): string {
  const sections = order.flatMap((name) => {
    const kind = kinds.get(name);
    return kind ? [sectionOf(kind)] : [];
  });
  return `<!-- Generated from schemas/ by \`npm run generate\`. -->\n${[intro + pseudowires + conditions, ...sections].join('\n')}`;
}

function sectionOf({ name, schema }: KindSchema): string {
  const parts = [`## ${name}`, schema.description ?? '', ''];
  for (const group of ['spec', 'status'] as const) {
    const rows = rowsOf(schema.properties?.[group] ?? {}, '').filter(
      (row) => !/^\| `(conditions|observedGeneration)/.test(row),
    );
    if (rows.length > 0) parts.push(`| ${group} | values | default | |`, '|---|---|---|---|', ...rows, '');
  }
  return parts.join('\n');
}

function rowsOf(schema: Schema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([field, value]) => {
    const path = `${prefix}${field}`;
    const required = schema.required?.includes(field) ? ' (required)' : '';
    const rule = ruleOf(schema, field);
    const meaning = `${value.description ?? ''}${rule}`.replaceAll('|', '\\|');
    const row = `| \`${path}\`${required} | ${valuesOf(value)} | ${defaultOf(value)} | ${meaning} |`;
    if (value.properties) return [row, ...rowsOf(value, `${path}.`)];
    return value.items?.properties ? [row, ...rowsOf(value.items, `${path}[].`)] : [row];
  });
}

function ruleOf(schema: Schema, field: string): string {
  const choice = exactlyOne(schema);
  if (choice?.includes(field)) return ` Exactly one of ${choice.join(', ')}.`;
  const least = atLeastOne(schema);
  if (least?.includes(field)) return ` At least one of ${least.join(', ')}.`;
  const rivals = atMostOne(schema).find((fields) => fields.includes(field));
  return rivals ? ` At most one of ${rivals.join(', ')}.` : '';
}

function valuesOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  const values = mapValues(schema);
  if (values)
    return `${schema.propertyNames ? `any of ${valuesOf(schema.propertyNames)}` : 'names'}: each ${valuesOf(values)}`;
  if (schema.items) return `list of ${schema.items.properties ? 'objects' : valuesOf(schema.items)}`;
  if (schema.title && !schema.properties) return schema.title.toLowerCase();
  const { type, minimum, maximum } = schema;
  if (minimum !== undefined) return maximum === undefined ? `${type} from ${minimum}` : `${minimum} to ${maximum}`;
  return String(type ?? '');
}

function defaultOf(schema: Schema): string {
  return schema.default === undefined
    ? ''
    : `\`${typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)}\``;
}
