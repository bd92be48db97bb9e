/**
 * A RADIUS server for one peer under test (RFC 2865): checks PAP passwords and CHAP responses against a list of
 * users and accepts accounting. Runs as a program inside a namespace:
 * `radius.ts ADDRESS SECRET '{"user":"password"}'`, one line a request on standard output.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';

const code = { accessRequest: 1, accessAccept: 2, accessReject: 3, accountingRequest: 4, accountingResponse: 5 };
const attribute = { userName: 1, userPassword: 2, chapPassword: 3, chapChallenge: 60 };
const headerOctets = 20;

const [address, secret, usersJson] = process.argv.slice(2);
const users: Record<string, string> = JSON.parse(usersJson);

function md5(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function attributesOf(packet: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let at = headerOctets;
  while (at + 2 <= packet.length && packet[at + 1] >= 2 && at + packet[at + 1] <= packet.length) {
    found.set(packet[at], packet.subarray(at + 2, at + packet[at + 1]));
    at += packet[at + 1];
  }
  return found;
}

/** RFC 2865 5.2: each 16 octets are XORed with MD5(secret + previous 16 octets). */
function revealPassword(hidden: Buffer, authenticator: Buffer): string {
  const clear = Buffer.alloc(hidden.length);
  let previous = authenticator;
  for (let block = 0; block < hidden.length; block += 16) {
    const mask = md5(secret, previous);
    previous = hidden.subarray(block, block + 16);
    for (let i = 0; i < previous.length; i += 1) clear[block + i] = previous[i] ^ mask[i];
  }
  const end = clear.indexOf(0);
  return clear.toString('utf8', 0, end < 0 ? clear.length : end);
}

function access(request: Buffer): { user: string; method: 'pap' | 'chap' | 'none'; accepted: boolean } {
  const attributes = attributesOf(request);
  const authenticator = request.subarray(4, headerOctets);
  const user = attributes.get(attribute.userName)?.toString('utf8') ?? '';
  const password = users[user];
  const pap = attributes.get(attribute.userPassword);
  const chap = attributes.get(attribute.chapPassword);
  if (chap !== undefined && chap.length === 17) {
    const challenge = attributes.get(attribute.chapChallenge) ?? authenticator;
    const wanted = md5(chap.subarray(0, 1), password ?? '', challenge);
    return { user, method: 'chap', accepted: password !== undefined && wanted.equals(chap.subarray(1)) };
  }
  if (pap !== undefined) {
    return { user, method: 'pap', accepted: password !== undefined && revealPassword(pap, authenticator) === password };
  }
  return { user, method: 'none', accepted: false };
}

/** RFC 2865 3: the Response Authenticator covers the request's. */
function answer(request: Buffer, answerCode: number): Buffer {
  const reply = Buffer.alloc(headerOctets);
  reply[0] = answerCode;
  reply[1] = request[1];
  reply.writeUInt16BE(headerOctets, 2);
  md5(reply.subarray(0, 4), request.subarray(4, headerOctets), secret).copy(reply, 4);
  return reply;
}

for (const port of [1812, 1813]) {
  const socket = createSocket('udp4');
  socket.on('message', (request, from) => {
    if (request.length < headerOctets) return;
    if (request[0] === code.accountingRequest) {
      socket.send(answer(request, code.accountingResponse), from.port, from.address);
    } else if (request[0] === code.accessRequest) {
      const { user, method, accepted } = access(request);
      process.stdout.write(`${method} ${user} ${accepted ? 'accepted' : 'rejected'}\n`);
      socket.send(answer(request, accepted ? code.accessAccept : code.accessReject), from.port, from.address);
    }
  });
  socket.bind(port, address, () => process.stdout.write(`listening on ${port}\n`));
}
