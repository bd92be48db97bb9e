import type { ErrorObject } from 'ajv';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addressPool from '../../schemas/addresspool.json' with { type: 'json' };
import common from '../../schemas/common.json' with { type: 'json' };
import ethernetProfile from '../../schemas/ethernetprofile.json' with { type: 'json' };
import gateway from '../../schemas/gateway.json' with { type: 'json' };
import peerProfile from '../../schemas/peerprofile.json' with { type: 'json' };
import pppoeServer from '../../schemas/pppoeserver.json' with { type: 'json' };
import pppProfile from '../../schemas/pppprofile.json' with { type: 'json' };
import secret from '../../schemas/secret.json' with { type: 'json' };
import session from '../../schemas/session.json' with { type: 'json' };
import sessionProfile from '../../schemas/sessionprofile.json' with { type: 'json' };
import subscriber from '../../schemas/subscriber.json' with { type: 'json' };
import tunnel from '../../schemas/tunnel.json' with { type: 'json' };
import tunnelProfile from '../../schemas/tunnelprofile.json' with { type: 'json' };
import { parseIpv4, parseIpv6, parseIpv6Prefix } from '../engine/spec.ts';
import { canonicalPrefix, isIp, parseRange } from './addresses.ts';
import { parsePorts } from './filters.ts';
import type { Kinds } from './generated.ts';
import { nearest } from './nearest.ts';

/** Steps from a document's top to a field. */
export type Path = readonly (string | number)[];

/** What is wrong in a document, where, and what to do. */
export interface Problem {
  path: Path;
  message: string;
}

const schemas = {
  AddressPool: addressPool,
  EthernetProfile: ethernetProfile,
  Gateway: gateway,
  PeerProfile: peerProfile,
  PppProfile: pppProfile,
  PppoeServer: pppoeServer,
  Secret: secret,
  Session: session,
  SessionProfile: sessionProfile,
  Subscriber: subscriber,
  Tunnel: tunnel,
  TunnelProfile: tunnelProfile,
} satisfies Record<keyof Kinds, object>;

export const kindNames = Object.keys(schemas) as (keyof Kinds)[];

const ajv = new Ajv2020({ allErrors: true, verbose: true, allowUnionTypes: true, strictTypes: false });
ajv.addFormat('ipv4', (text: string) => parseIpv4(text) !== undefined);
ajv.addFormat('ip', isIp);
ajv.addFormat('ip-or-prefix', (text: string) => canonicalPrefix(text) !== undefined);
ajv.addFormat('ip-with-prefix', (text: string) => text.includes('/') && canonicalPrefix(text) !== undefined);
ajv.addFormat('ipv4-range', (text: string) => parseRange(text) !== undefined);
ajv.addFormat('ipv6', (text: string) => parseIpv6(text) !== undefined);
ajv.addFormat('ipv6-prefix', (text: string) => parseIpv6Prefix(text) !== undefined);
ajv.addFormat('router-id', (text: string) => (parseIpv4(text) ?? 0) > 0);
ajv.addFormat('port-range', (text: string) => parsePorts(text) !== undefined);
ajv.addFormat('host', isHost);
ajv.addFormat('base64', /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
// Only in the status, which is written by us and not validated.
ajv.addFormat('date-time', true);
ajv.addSchema(common);
for (const schema of Object.values(schemas)) ajv.addSchema(schema);

/** An address, or labels of a DNS name (RFC 1123 2.1); digits and dots alone would be a mistyped address. */
function isHost(text: string): boolean {
  if (isIp(text)) return true;
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false;
  return text.split('.').every((label) => /^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/.test(label));
}

/** Checks one document against its kind's schema. No problems: it has the kind's generated type. */
export function check(kind: keyof Kinds, document: unknown): Problem[] {
  const validate = ajv.getSchema(schemas[kind].$id) as ValidateFunction;
  if (validate(document)) return [];
  const problems = new Map<string, Problem>();
  for (const error of validate.errors ?? []) {
    // The branches only say what the error of the whole says in one sentence.
    if (/\/(oneOf|anyOf)\//.test(error.schemaPath)) continue;
    // Told by the name's own error.
    if (error.keyword === 'propertyNames') continue;
    const problem = problemOf(error, kind !== 'Secret');
    const key = `${problem.path.join('/')} ${sameFault(error.keyword)}`;
    if (!problems.has(key)) problems.set(key, problem);
  }
  return [...problems.values()];
}

/** Several faults of one value are told once. */
function sameFault(keyword: string): string {
  return ['required', 'not', 'oneOf', 'anyOf'].includes(keyword) ? keyword : 'value';
}

const numberAdvice = 'put quotes around it if it looks like a number';

interface ParentSchema {
  title?: string;
  examples?: unknown[];
  properties?: object;
  type?: unknown;
  /** The value is not to be shown. */
  writeOnly?: boolean;
}

function problemOf(error: ErrorObject, mayShowValue: boolean): Problem {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  const schema = error.parentSchema as ParentSchema;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(error.params.additionalProperty);
      const known = Object.keys(schema.properties ?? {});
      const meant = nearest(name, known);
      const advice = meant ? `did you mean ${meant}?` : `known here: ${known.sort().join(', ')}`;
      return { path: [...path, name], message: `there is no such field; ${advice}` };
    }
    case 'required':
      return { path: [...path, String(error.params.missingProperty)], message: 'is missing' };
    case 'enum': {
      if (error.propertyName !== undefined) {
        const meant = nearest(error.propertyName, error.params.allowedValues as string[]);
        const advice = meant ? `did you mean ${meant}?` : 'the documentation lists the names';
        return { path: [...path, error.propertyName], message: `there is no such field; ${advice}` };
      }
      const allowed = error.params.allowedValues as (string | number)[];
      const words = allowed.filter((value) => typeof value === 'string');
      const meant = typeof error.data === 'string' ? nearest(error.data, words) : undefined;
      const choice = allowed.length === 1 ? `must be ${allowed[0]}` : `must be one of ${allowed.join(', ')}`;
      return { path, message: meant && allowed.length > 1 ? `${choice}; did you mean ${meant}?` : choice };
    }
    case 'const':
      return { path, message: `must be ${error.params.allowedValue}` };
    case 'not': {
      const fields = (error.schema as { required?: string[] }).required;
      if (fields) return { path, message: `give only one of ${fields.join(' and ')}` };
      break;
    }
    case 'oneOf':
      return { path, message: `give exactly one of ${requiredFields(error.schema).join(' and ')}` };
    case 'anyOf':
      return { path, message: `give ${requiredFields(error.schema).join(' or ')}, or both` };
  }
  if (schema.title && schema.examples) {
    const value = mayShowValue && !schema.writeOnly ? `${JSON.stringify(error.data)} is not` : 'must be';
    const quotes = typeof error.data === 'number' && schema.writeOnly ? ` (${numberAdvice})` : '';
    return { path, message: `${value} ${schema.title}; write for example ${schema.examples.join(' or ')}${quotes}` };
  }
  return {
    path,
    message: error.keyword === 'type' ? `must be ${typeName(schema.type)}` : (error.message ?? 'is wrong'),
  };
}

function requiredFields(choices: unknown): string[] {
  return (choices as { required: string[] }[]).flatMap((choice) => choice.required);
}

function typeName(type: unknown): string {
  switch (type) {
    case 'array':
      return 'a list';
    case 'object':
      return 'a mapping of fields';
    case 'string':
      return `text (${numberAdvice})`;
    case 'boolean':
      return 'true or false';
    case 'integer':
      return 'a whole number';
    default:
      return String(type);
  }
}
