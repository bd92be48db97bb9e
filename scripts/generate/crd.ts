import type { V1CustomResourceColumnDefinition, V1CustomResourceDefinition } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { atLeastOne, atMostOne, describe, exactlyOne, type KindSchema, mapValues, type Schema } from './schema.ts';

const group = 'prol2tp.io';

/** What a kind's schema does not say but a CustomResourceDefinition wants. */
interface Presentation {
  shortName: string;
  columns: readonly (readonly [name: string, jsonPath: string, type?: string])[];
}

const ready = ['Ready', '.status.conditions[?(@.type=="Ready")].status'] as const;
const established = ['Established', '.status.conditions[?(@.type=="Established")].status'] as const;
const age = ['Age', '.metadata.creationTimestamp', 'date'] as const;
const usedBy = ['Used by', '.status.usedBy', 'integer'] as const;

const presentations: Record<string, Presentation> = {
  Gateway: {
    shortName: 'l2gw',
    columns: [
      ready,
      ['Tunnels', '.status.tunnels.accepted', 'integer'],
      ['Sessions', '.status.sessions.accepted', 'integer'],
      age,
    ],
  },
  PeerProfile: { shortName: 'l2peer', columns: [ready, ['Host name', '.spec.match.hostName'], usedBy, age] },
  TunnelProfile: { shortName: 'l2tunp', columns: [ready, usedBy, age] },
  Tunnel: {
    shortName: 'l2tun',
    columns: [
      ready,
      established,
      ['Peer', '.status.peer.address'],
      ['Version', '.status.version', 'integer'],
      ['Sessions', '.status.sessions.established', 'integer'],
      age,
    ],
  },
  SessionProfile: { shortName: 'l2sesp', columns: [ready, usedBy, age] },
  Session: {
    shortName: 'l2ses',
    columns: [
      ready,
      established,
      ['Tunnel', '.spec.tunnel'],
      ['Pseudowire', '.status.pseudowire'],
      ['Type', '.status.type'],
      ['Interface', '.status.interface'],
      ['Address', '.status.ppp.localAddress'],
      ['Circuit', '.status.circuit.local.active', 'boolean'],
      ['Peer circuit', '.status.circuit.peer.active', 'boolean'],
      age,
    ],
  },
  PppProfile: { shortName: 'l2ppp', columns: [ready, usedBy, age] },
  EthernetProfile: { shortName: 'l2eth', columns: [ready, ['Bridge', '.spec.bridge'], usedBy, age] },
  PppoeServer: {
    shortName: 'l2pppoe',
    columns: [ready, ['Interface', '.spec.interface'], ['Sessions', '.status.sessions', 'integer'], age],
  },
  AddressPool: {
    shortName: 'l2pool',
    columns: [
      ready,
      ['Total', '.status.total', 'integer'],
      ['Used', '.status.used', 'integer'],
      ['Prefixes', '.status.prefixes.total', 'integer'],
      ['Prefixes used', '.status.prefixes.used', 'integer'],
      age,
    ],
  },
  Subscriber: { shortName: 'l2sub', columns: [ready, ['User', '.spec.userName'], age] },
};

/** The text of one CustomResourceDefinition. */
export function crdYaml(kind: KindSchema): string {
  return `# Generated from schemas/ by scripts/generate.ts.\n${stringify(crd(kind), { lineWidth: 120, aliasDuplicateObjects: false })}`;
}

function crd({ name, schema }: KindSchema): V1CustomResourceDefinition {
  const presentation = presentations[name];
  if (!presentation) throw new Error(`${name} has no short name and columns`);
  const singular = name.toLowerCase();
  const plural = `${singular}s`;
  const { spec, status } = schema.properties ?? {};
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind: name,
        listKind: `${name}List`,
        plural,
        singular,
        shortNames: [presentation.shortName],
        categories: ['l2tp'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: presentation.columns.map(column),
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: schema.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structural(spec ?? {}),
                status: structural(status ?? {}),
              },
            },
          },
        },
      ],
    },
  };
}

function column([name, jsonPath, type = 'string']: Presentation['columns'][number]): V1CustomResourceColumnDefinition {
  return { name, jsonPath, type };
}

/** The formats that an API server checks; the others are checked by prol2tpd, which reports them in the status. */
const serverFormats = new Set(['ipv4', 'date-time']);

/**
 * A structural schema, as CustomResourceDefinitions want it: no references and no defaults (an absent field is
 * inherited), unknown fields are pruned instead of forbidden, rules over several fields are CEL. The names in a map are
 * checked by prol2tpd.
 */
function structural(schema: Schema): Record<string, unknown> {
  const { type, format, pattern, minimum, maximum, minLength, maxLength, minItems, maxItems, required } = schema;
  const either = Array.isArray(type);
  const values = mapValues(schema);
  const rules = [
    ...atMostOne(schema).map((fields) => countRule(fields, '<=')),
    countRule(exactlyOne(schema), '=='),
    countRule(atLeastOne(schema), '>='),
  ].filter((rule) => rule);
  const result = {
    type: either ? undefined : type,
    'x-kubernetes-int-or-string': either ? true : undefined,
    description: describe(schema),
    enum: schema.enum,
    format: format !== undefined && serverFormats.has(format) ? format : undefined,
    pattern,
    minimum,
    maximum,
    minLength,
    maxLength,
    minItems,
    maxItems,
    required,
    not: schema.not?.enum ? { enum: schema.not.enum } : undefined,
    'x-kubernetes-list-type': schema.uniqueItems ? 'set' : undefined,
    items: schema.items ? structural(schema.items) : undefined,
    properties: schema.properties
      ? Object.fromEntries(Object.entries(schema.properties).map(([key, value]) => [key, structural(value)]))
      : undefined,
    additionalProperties: values && structural(values),
    'x-kubernetes-preserve-unknown-fields': schema.additionalProperties === true ? true : undefined,
    'x-kubernetes-validations': rules.length > 0 ? rules : undefined,
  };
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}

const counted = { '<=': 'give only one of', '==': 'give exactly one of', '>=': 'give at least one of' } as const;

function countRule(
  fields: string[] | undefined,
  comparison: keyof typeof counted,
): { rule: string; message: string } | undefined {
  if (!fields) return undefined;
  const given = fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(' + ');
  const names = fields.join(' and ');
  return {
    rule: `${given} ${comparison} 1`,
    message: `${counted[comparison]} ${names}`,
  };
}
