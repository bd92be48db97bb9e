import { execa } from 'execa';

/** Message types of RFC 2661 3.2 and RFC 3931 3.1. */
const messageNames: Record<string, string> = {
  1: 'SCCRQ',
  2: 'SCCRP',
  3: 'SCCCN',
  4: 'StopCCN',
  6: 'HELLO',
  7: 'OCRQ',
  8: 'OCRP',
  9: 'OCCN',
  10: 'ICRQ',
  11: 'ICRP',
  12: 'ICCN',
  14: 'CDN',
  15: 'WEN',
  16: 'SLI',
  20: 'ACK',
};

/** One L2TP datagram as tshark read it. */
export interface Dissected {
  frame: number;
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  tunnel: number;
  session: number;
  /** Of control messages: the name, `ZLB`, or `unknown N`. Undefined for data messages. */
  message?: string;
  ns?: number;
  nr?: number;
  /** Attribute types in their order; those of other vendors as `vendor:type`. */
  avps: string[];
  resultCode?: number;
  errorCode?: number;
  /** What tshark finds wrong with it. */
  complaints: string[];
}

const fields = [
  'frame.number',
  'frame.protocols',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'udp.srcport',
  'udp.dstport',
  'l2tp.type',
  'l2tp.tunnel',
  'l2tp.session',
  'l2tp.Ns',
  'l2tp.Nr',
  'l2tp.avp.message_type',
  'l2tp.avp.vendor_id',
  'l2tp.avp.type',
  'l2tp.result_code',
  'l2tp.avp.error_code',
  '_ws.expert.message',
  '_ws.expert.severity',
] as const;
type Field = (typeof fields)[number];

const aggregator = '|';
/** Wireshark's severity "error"; warnings are its opinions about what user packets carry. */
const severityError = 0x800000;

/**
 * Every datagram of the capture to or from UDP port 1701, and of IP protocol 115. Preferences are Wireshark's, like
 * `l2tp.shared_secret:secret`, with which it checks the Message Digests of L2TPv3.
 * @throws Error when tshark cannot read the file
 */
export async function dissect(path: string, ...preferences: string[]): Promise<Dissected[]> {
  // biome-ignore format: options with their values
  const args = [...preferences.flatMap((preference) => ['-o', preference]), '-n', '-r', path, '-Y', '(udp.port == 1701 || ip.proto == 115 || ipv6.nxt == 115) && !icmp.type == 3', '-T', 'fields', '-E', 'occurrence=a', '-E', `aggregator=${aggregator}`];
  const result = await execa('tshark', [...args, ...fields.flatMap((field) => ['-e', field])], { stdin: 'ignore' });
  return result.stdout.split('\n').filter(Boolean).map(read);
}

function read(line: string): Dissected {
  const columns = line.split('\t');
  const all = (field: Field) => columns[fields.indexOf(field)]?.split(aggregator).filter(Boolean) ?? [];
  // User packets inside a data message have addresses of their own: the first is the outer one.
  const first = (field: Field) => all(field).at(0);
  const number = (field: Field) => {
    const text = first(field);
    return text === undefined ? undefined : Number(text);
  };

  const isL2tp = all('frame.protocols').join().split(':').includes('l2tp');
  const isControl = number('l2tp.type') === 1;
  const type = first('l2tp.avp.message_type');
  const message = type === undefined ? 'ZLB' : (messageNames[type] ?? `unknown ${type}`);
  const vendors = all('l2tp.avp.vendor_id');
  const severities = all('_ws.expert.severity').map(Number);

  const complaints = all('_ws.expert.message').filter((_, i) => isControl || severities[i] >= severityError);
  if (!isL2tp) complaints.push('not L2TP');
  if (isControl && message.startsWith('unknown')) complaints.push(`message type ${message}`);
  return {
    frame: number('frame.number') ?? 0,
    source: first('ip.src') ?? first('ipv6.src') ?? '',
    destination: first('ip.dst') ?? first('ipv6.dst') ?? '',
    sourcePort: number('udp.srcport') ?? 0,
    destinationPort: number('udp.dstport') ?? 0,
    tunnel: number('l2tp.tunnel') ?? 0,
    session: number('l2tp.session') ?? 0,
    message: isControl ? message : undefined,
    ns: number('l2tp.Ns'),
    nr: number('l2tp.Nr'),
    avps: all('l2tp.avp.type').map((avp, i) => (vendors[i] === '0' ? avp : `${vendors[i]}:${avp}`)),
    resultCode: number('l2tp.result_code'),
    errorCode: number('l2tp.avp.error_code'),
    complaints,
  };
}

/** The names of control messages from one address in their order, without acknowledgements and retransmissions. */
export function sentMessages(dissected: readonly Dissected[], source: string): string[] {
  const seen = new Set<string>();
  const names: string[] = [];
  for (const { source: from, message, tunnel, session, ns, sourcePort } of dissected) {
    if (from !== source || message === undefined || message === 'ZLB' || message === 'ACK') continue;
    const key = [message, tunnel, session, ns, sourcePort].join();
    if (seen.has(key)) continue;
    seen.add(key);
    names.push(message);
  }
  return names;
}

/** What tshark finds wrong with the datagrams that `source` sent, in words; also when it sent no control message at all. */
export function complaintsAbout(dissected: readonly Dissected[], source: string): string[] {
  const sent = dissected.filter((datagram) => datagram.source === source);
  if (!sent.some((datagram) => datagram.message !== undefined)) return [`no control message from ${source}`];
  return sent.flatMap(({ frame, message, complaints }) =>
    complaints.map((complaint) => `frame ${frame} (${message ?? 'data'}): ${complaint}`),
  );
}
