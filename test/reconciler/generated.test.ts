import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generate } from '../../scripts/generate.ts';
import { kindNames } from '../../src/reconciler/schemas.ts';

const root = join(import.meta.dirname, '../..');
const files = generate();

interface Node {
  description?: string;
  properties?: Record<string, Node>;
  items?: Node;
  [keyword: string]: unknown;
}

function everyNode(node: Node, path: string): [path: string, node: Node][] {
  const inner = Object.entries(node.properties ?? {}).flatMap(([key, value]) => everyNode(value, `${path}.${key}`));
  return [[path, node], ...inner, ...(node.items ? everyNode(node.items, `${path}[]`) : [])];
}

describe('generated files', () => {
  it.each([...files.keys()])('%s is what the schemas give', (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(files.get(path));
  });

  it('leaves no CRD of a kind that is gone', () => {
    const generated = [...files.keys()].filter((path) => path.startsWith('crds/')).map((path) => path.slice(5));
    expect(readdirSync(join(root, 'crds')).sort()).toEqual(generated.sort());
  });

  it('knows every kind in the schema for editors', () => {
    const whole = JSON.parse(readFileSync(join(root, 'schemas/prol2tp.json'), 'utf8'));
    expect(whole.properties.kind.enum).toEqual([...kindNames].sort());
    const references = whole.allOf.map((choice: { then: { $ref: string } }) => choice.then.$ref);
    expect(references).toEqual([...kindNames].sort().map((kind) => `${kind.toLowerCase()}.json`));
  });
});

describe.each([...files.keys()].filter((path) => path.startsWith('crds/')))('%s', (path) => {
  const crd = parse(files.get(path) ?? '');
  const [version] = crd.spec.versions;
  const { spec, status } = version.schema.openAPIV3Schema.properties;
  const nodes = [...everyNode(spec, 'spec'), ...everyNode(status, 'status')];

  it('describes every field', () => {
    const silent = nodes.filter(([at, { description }]) => !description && !at.endsWith('[]')).map(([at]) => at);
    expect(silent).toEqual([]);
  });

  it('is structural', () => {
    for (const [at, node] of nodes) {
      const kind = node.type ?? (node['x-kubernetes-int-or-string'] ? 'int-or-string' : undefined);
      expect([at, kind]).toEqual([at, expect.any(String)]);
      const maps = node.type === 'object' && node.properties === undefined ? [] : ['additionalProperties'];
      for (const keyword of ['$ref', 'default', 'const', 'uniqueItems', 'oneOf', ...maps]) {
        expect(node, `${at} has ${keyword}`).not.toHaveProperty(keyword);
      }
    }
  });

  it('has a status subresource, a short name and the category l2tp', () => {
    expect(version.subresources).toEqual({ status: {} });
    expect(crd.spec.names).toMatchObject({ shortNames: [expect.any(String)], categories: ['l2tp'] });
    expect(version.additionalPrinterColumns.length).toBeGreaterThan(1);
  });
});

describe('rules over several fields', () => {
  const rulesOf = (kind: string): { rule: string; message: string }[] => {
    const crd = parse(files.get(`crds/${kind}.yaml`) ?? '');
    const { spec } = crd.spec.versions[0].schema.openAPIV3Schema.properties;
    return everyNode(spec, 'spec').flatMap(
      ([, node]) => (node['x-kubernetes-validations'] as { rule: string; message: string }[]) ?? [],
    );
  };

  it.each([
    ['tunnel', ['give only one of secretRef and secretFile', 'give only one of secondSecretRef and secondSecretFile']],
    [
      'tunnelprofile',
      ['give only one of secretRef and secretFile', 'give only one of secondSecretRef and secondSecretFile'],
    ],
    ['ethernetprofile', ['give only one of bridge and attach']],
    [
      'session',
      [
        'give only one of passwordRef and passwordFile',
        'give only one of plugin and aaa',
        'give only one of responseRef and responseFile',
      ],
    ],
    ['sessionprofile', ['give only one of plugin and aaa']],
    ['gateway', ['give exactly one of secretRef and secretFile']],
    ['addresspool', ['give at least one of ranges and ipv6']],
    ['subscriber', ['give exactly one of passwordRef and passwordFile']],
    ['pppprofile', ['give only one of remote and pool']],
  ])('%s: %s', (kind, messages) => {
    expect(rulesOf(kind).map((rule) => rule.message)).toEqual(messages);
  });

  it('counts the fields that are given', () => {
    const [{ rule }] = rulesOf('subscriber');
    expect(rule).toBe('(has(self.passwordRef) ? 1 : 0) + (has(self.passwordFile) ? 1 : 0) == 1');
  });
});
