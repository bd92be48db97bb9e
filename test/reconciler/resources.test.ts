import { describe, expect, it } from 'vitest';
import { parseFile } from '../../src/reconciler/resources.ts';
import { secretText } from './declare.ts';

const head = (kind: string) => `apiVersion: prol2tp.io/v1alpha1\nkind: ${kind}\nmetadata:\n  name: x\n`;
const errorsOf = (text: string) => parseFile(text, 'x.yaml').errors.map(String);

describe('mistakes are told with place and advice', () => {
  it.each([
    [
      'an unknown field',
      `${head('Tunnel')}spec:\n  remoteAdress: 192.0.2.1\n`,
      'x.yaml:6:3: Tunnel/x: spec.remoteAdress: there is no such field; did you mean remoteAddress?',
    ],
    [
      'an unknown field that is like none',
      `${head('PeerProfile')}spec:\n  match:\n    colour: red\n`,
      'x.yaml:7:5: PeerProfile/x: spec.match.colour: there is no such field; known here: addresses, hostName',
    ],
    [
      'a duration without unit',
      `${head('Tunnel')}spec:\n  remoteAddress: 192.0.2.1\n  helloInterval: 60\n`,
      'x.yaml:7:3: Tunnel/x: spec.helloInterval: 60 is not a duration with a unit (ms, s, m or h); write for example 60s or 5m',
    ],
    [
      'a duration with a wrong unit',
      `${head('Tunnel')}spec: {helloInterval: 60sec}\n`,
      'x.yaml:5:8: Tunnel/x: spec.helloInterval: "60sec" is not a duration with a unit (ms, s, m or h); write for example 60s or 5m',
    ],
    [
      'a wait of nothing',
      `${head('Tunnel')}spec: {retryTimeout: 0}\n`,
      'x.yaml:5:8: Tunnel/x: spec.retryTimeout: 0 is not a duration with a unit (ms, s, m or h), longer than nothing; write for example 3s or 500ms',
    ],
    [
      'a wrong choice',
      `${head('Tunnel')}spec:\n  authMode: chalenge\n`,
      'x.yaml:6:3: Tunnel/x: spec.authMode: must be one of none, simple, challenge; did you mean challenge?',
    ],
    [
      'a wrong address in a list',
      `${head('Gateway')}spec:\n  listen:\n    - address: 192.0.2.1\n    - address: 192.0.2.256\n`,
      'x.yaml:8:7: Gateway/x: spec.listen[1].address: "192.0.2.256" is not an IP address; write for example 192.0.2.1 or 2001:db8::1',
    ],
    [
      'a mistyped address where a DNS name may stand',
      `${head('Tunnel')}spec: {remoteAddress: 192.0.2}\n`,
      'x.yaml:5:8: Tunnel/x: spec.remoteAddress: "192.0.2" is not an IP address or a DNS name; write for example 192.0.2.1 or lns.example.net',
    ],
    [
      'a MAC address of many',
      `${head('EthernetProfile')}spec: {macAddress: "01:00:5e:00:00:01"}\n`,
      'x.yaml:5:8: EthernetProfile/x: spec.macAddress: "01:00:5e:00:00:01" is not a MAC address of one station; write for example 02:00:00:00:00:01',
    ],
    [
      'an address without its prefix length',
      `${head('EthernetProfile')}spec: {addresses: [192.0.2.1]}\n`,
      'x.yaml:5:20: EthernetProfile/x: spec.addresses[0]: "192.0.2.1" is not an IP address with its prefix length; write for example 192.0.2.1/24 or 2001:db8::1/64',
    ],
    [
      'a bridge beside an interface',
      `${head('EthernetProfile')}spec: {bridge: br0, attach: {interface: eth1}}\n`,
      'x.yaml:5:1: EthernetProfile/x: spec: give only one of bridge and attach',
    ],
    [
      'a router id of nothing',
      `${head('Gateway')}spec: {routerId: 0.0.0.0}\n`,
      'x.yaml:5:8: Gateway/x: spec.routerId: "0.0.0.0" is not a number from 1 to 4294967295, or four octets with dots; write for example 192.0.2.1 or 3221225985',
    ],
    [
      'a cookie of a length that there is not',
      `${head('SessionProfile')}spec: {cookieLength: 6}\n`,
      'x.yaml:5:8: SessionProfile/x: spec.cookieLength: must be one of 0, 4, 8',
    ],
    [
      'text for a number',
      `${head('SessionProfile')}spec: {cookieLength: "8"}\n`,
      'x.yaml:5:8: SessionProfile/x: spec.cookieLength: must be a whole number',
    ],
    [
      'a session id of nothing',
      `${head('Session')}spec: {tunnel: t, static: {localSessionId: 0, remoteSessionId: 1}}\n`,
      'x.yaml:5:28: Session/x: spec.static.localSessionId: 0 is not an id from 1 to 4294967295; write for example 1001',
    ],
    [
      'a cookie, whose value it does not tell',
      `${head('Session')}spec: {tunnel: t, static: {localSessionId: 1, remoteSessionId: 1, localCookie: "c0ffee"}}\n`,
      'x.yaml:5:67: Session/x: spec.static.localCookie: must be a cookie of 4 or 8 octets in hexadecimal; write for example 5f3c0a917d21e684',
    ],
    [
      'a cookie that YAML takes for a number',
      `${head('Session')}spec: {tunnel: t, static: {localSessionId: 1, remoteSessionId: 1, localCookie: 12345678}}\n`,
      'x.yaml:5:67: Session/x: spec.static.localCookie: must be a cookie of 4 or 8 octets in hexadecimal; write for example 5f3c0a917d21e684 (put quotes around it if it looks like a number)',
    ],
    [
      'two forms of the second secret',
      `${head('Tunnel')}spec: {secondSecretFile: a, secondSecretRef: {name: b, key: c}}\n`,
      'x.yaml:5:1: Tunnel/x: spec: give only one of secondSecretRef and secondSecretFile',
    ],
    [
      'a wrong port',
      `${head('Tunnel')}spec: {remotePort: 70000}\n`,
      'x.yaml:5:8: Tunnel/x: spec.remotePort: 70000 is not a UDP port; write for example 1701',
    ],
    [
      'a wrong type',
      `${head('Tunnel')}spec: {persist: "yes"}\n`,
      'x.yaml:5:8: Tunnel/x: spec.persist: must be true or false',
    ],
    ['a missing field', `${head('Session')}spec:\n  userName: a\n`, 'x.yaml:5:1: Session/x: spec.tunnel: is missing'],
    ['no spec', head('Tunnel'), 'x.yaml:1:1: Tunnel/x: spec: is missing'],
    [
      'two of which one is allowed',
      `${head('Tunnel')}spec: {secretFile: a, secretRef: {name: a, key: b}}\n`,
      'x.yaml:5:1: Tunnel/x: spec: give only one of secretRef and secretFile',
    ],
    [
      'none of which one is needed',
      `${head('Subscriber')}spec: {userName: a}\n`,
      'x.yaml:5:1: Subscriber/x: spec: give exactly one of passwordRef and passwordFile',
    ],
    ['an unknown kind', `${head('Tunel')}spec: {}\n`, 'x.yaml:2:1: kind: "Tunel" is not known; did you mean Tunnel?'],
    [
      'a wrong version',
      `apiVersion: prol2tp.io/v1\nkind: Tunnel\nmetadata: {name: x}\nspec: {}\n`,
      'x.yaml:1:1: Tunnel/x: apiVersion: must be prol2tp.io/v1alpha1',
    ],
    [
      'a wrong name',
      `apiVersion: prol2tp.io/v1alpha1\nkind: Tunnel\nmetadata: {name: To_LNS}\nspec: {}\n`,
      `x.yaml:3:12: Tunnel/To_LNS: metadata.name: "To_LNS" is not a name of lower-case letters, digits, '-' and '.'; write for example to-lns`,
    ],
    ['a key given twice', `${head('Tunnel')}spec: {}\nspec: {}\n`, 'x.yaml:6:1: YAML: Map keys must be unique'],
    ['no mapping', '- 1\n', 'x.yaml:1:1: must be a mapping with apiVersion, kind and spec'],
  ])('%s', (_, text, error) => {
    expect(errorsOf(text)).toEqual([error]);
  });

  it('tells every mistake of a document, and where in a file of several it stands', () => {
    const text = `# first\n${head('AddressPool')}spec: {ranges: [10.0.0.0/24]}\n---\n${head('Tunnel')}spec:\n  mtu: 1\n  persists: true\n`;
    const { declared, broken, errors } = parseFile(text, 'x.yaml');
    expect(declared.map(({ id }) => id)).toEqual(['AddressPool/x']);
    expect(broken).toEqual(['Tunnel/x']);
    expect(errors.map(({ at }) => [at.line, at.path]).sort()).toEqual([
      [13, 'spec.mtu'],
      [14, 'spec.persists'],
    ]);
  });

  it('knows places in documents that are indented, or begin in the line of their marker', () => {
    const indented = `# so\n  apiVersion: prol2tp.io/v1alpha1\n  kind: Tunnel\n  metadata: {name: x}\n  spec:\n    mtu: 1\n`;
    expect(errorsOf(indented)).toEqual([expect.stringMatching(/^x\.yaml:6:5: Tunnel\/x: spec\.mtu: /)]);
    expect(errorsOf(`${head('Tunnel')}spec: {}\n--- {kind: Tunel}\n`)).toEqual([
      expect.stringMatching(/^x\.yaml:6:6: kind: /),
    ]);
  });

  it('never shows what stands in a Secret', () => {
    const text = 'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: "geheim!"}\nstringData: {b: 31337}\n';
    const errors = errorsOf(text).join('\n');
    expect(errors).toContain('data.a: must be base64 text');
    expect(errors).toContain('stringData.b: must be text');
    expect(errors).not.toMatch(/geheim|31337/);
  });
});

describe('what is accepted', () => {
  it('reads Secrets as Kubernetes does, stringData over data', () => {
    const text =
      'apiVersion: v1\nkind: Secret\ntype: Opaque\nmetadata: {name: x}\ndata: {a: aGk=, b: aGk=}\nstringData: {b: ho}\n';
    const [secret] = parseFile(text, 'x.yaml').declared;
    expect(secret.kind).toBe('Secret');
    if (secret.kind !== 'Secret') return;
    expect(secretText(secret.values.get('a'))).toBe('hi');
    expect(secretText(secret.values.get('b'))).toBe('ho');
    expect(JSON.stringify(secret)).not.toContain('ho"');
  });

  it.each(['0', '500ms', '60s', '5m', '1h'])('the duration %s', (duration) => {
    expect(errorsOf(`${head('Tunnel')}spec: {helloInterval: ${duration}}\n`)).toEqual([]);
  });

  it('leaves a status and empty documents alone, and takes fields of Kubernetes in metadata', () => {
    const text = `---\n---\n# nothing\n---\napiVersion: prol2tp.io/v1alpha1\nkind: Tunnel\nmetadata: {name: x, uid: 1-2-3, generation: 4}\nspec: {}\nstatus: {colour: red}\n`;
    const parsed = parseFile(text, 'x.yaml');
    expect(parsed.errors).toEqual([]);
    expect(parsed.declared.map(({ id }) => id)).toEqual(['Tunnel/x']);
  });

  it('does not expand aliases without end', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    const parsed = parseFile(bomb, 'x.yaml');
    expect(parsed.errors.map(String)).toEqual([expect.stringContaining('YAML: Excessive alias count')]);
    expect(parsed.unidentified).toBe(true);
  });
});

it.each([
  'hunter2: "x',
  '*hunter2',
  '|hunter2',
  ']hunter2',
  '"\\xhunter2"',
  '"\\uhunter2"',
  '!hunter2! x',
  '"x" hunter2',
  '@hunter2',
])('a secret that is not YAML is not told: %s', (value) => {
  const text = `apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: ${value}\n`;
  const errors = errorsOf(text);
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.join('\n')).not.toMatch(/hu/);
});

it('what is missing between items is told in full', () => {
  expect(errorsOf('["a" "b"]\n')).toEqual([expect.stringMatching(/: YAML: Missing , .*items$/)]);
});
