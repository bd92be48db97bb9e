import { execa } from 'execa';

/** One RADIUS packet as tshark read it. */
export interface RadiusPacket {
  frame: number;
  source: string;
  destination: string;
  /** RFC 2865 3, RFC 2866 3, RFC 5176 2.3: Access-Request is 1, CoA-NAK 45. */
  code: number;
  identifier: number;
  hasMessageAuthenticator: boolean;
  /** Of answers, whether the authenticator is what the secret makes it; tshark looks at no others. */
  isAuthentic?: boolean;
  /** What tshark finds wrong with it. */
  complaints: string[];
}

/** RADIUS codes that tests look for. */
export const radiusCode = {
  accessRequest: 1,
  accountingRequest: 4,
  disconnectAck: 41,
  coaAck: 44,
  coaNak: 45,
} as const;

/** Wireshark's severity "error"; warnings are its opinions, as of EAP-MD5. */
const severityError = 0x800000;
const isRequest: ReadonlySet<number> = new Set([1, 4, 40, 43]);

const fields = [
  'frame.number',
  'ip.src',
  'ip.dst',
  'radius.code',
  'radius.id',
  'radius.Message_Authenticator',
  'radius.authenticator.valid',
  'radius.authenticator.invalid',
  '_ws.expert.message',
  '_ws.expert.severity',
] as const;
type Field = (typeof fields)[number];

/** Every RADIUS packet of the capture, CoA on port 3799 among them. @throws Error when tshark cannot read the file. */
export async function dissectRadius(path: string, secret: string): Promise<RadiusPacket[]> {
  const options = [`radius.shared_secret:${secret}`, 'radius.validate_authenticator:TRUE'].flatMap((o) => ['-o', o]);
  const shape = [
    '-T',
    'fields',
    '-E',
    'occurrence=a',
    '-E',
    'aggregator=|',
    ...fields.flatMap((field) => ['-e', field]),
  ];
  const args = ['-n', '-r', path, '-d', 'udp.port==3799,radius', ...options, '-Y', 'radius && !icmp', ...shape];
  const { stdout } = await execa('tshark', args, { stdin: 'ignore' });
  return stdout.split('\n').filter(Boolean).map(read);
}

function read(line: string): RadiusPacket {
  const columns = line.split('\t');
  const text = (field: Field) => columns[fields.indexOf(field)] ?? '';
  const all = (field: Field) => text(field).split('|').filter(Boolean);
  const severities = all('_ws.expert.severity');
  const isTrue = (field: Field) => text(field) === '1' || text(field) === 'True';
  return {
    frame: Number(text('frame.number')),
    source: text('ip.src'),
    destination: text('ip.dst'),
    code: Number(text('radius.code')),
    identifier: Number(text('radius.id')),
    hasMessageAuthenticator: text('radius.Message_Authenticator') !== '',
    isAuthentic: isTrue('radius.authenticator.valid')
      ? true
      : isTrue('radius.authenticator.invalid')
        ? false
        : undefined,
    complaints: all('_ws.expert.message').filter((_, i) => Number(severities[i]) >= severityError),
  };
}

/** What is wrong with the packets that `source` sent, in words; also when it sent none. */
export function radiusComplaints(packets: readonly RadiusPacket[], source: string): string[] {
  const sent = packets.filter((packet) => packet.source === source);
  if (sent.length === 0) return [`no RADIUS from ${source}`];
  return sent.flatMap(({ frame, code, hasMessageAuthenticator, isAuthentic, complaints }) => {
    const all = [...complaints];
    if (!hasMessageAuthenticator) all.push('no Message-Authenticator');
    if (isAuthentic === false) all.push('the authenticator is wrong');
    if (isAuthentic === undefined && !isRequest.has(code)) all.push('tshark did not check the authenticator');
    return all.map((complaint) => `frame ${frame} (code ${code}): ${complaint}`);
  });
}
