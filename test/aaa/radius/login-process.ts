/**
 * Logs users in at a RADIUS server, in a process of its own so that it can be run in a namespace:
 * `login-process.ts SPEC-JSON LOGINS-JSON`, the secrets in clear. Prints the last answer to each as a line of JSON.
 */
import { createHash, randomBytes } from 'node:crypto';
import { RadiusAuthentication } from '../../../src/aaa/radius/authentication.ts';
import type { Clock } from '../../../src/aaa/radius/clock.ts';
import { RadiusSessions } from '../../../src/aaa/radius/sessions.ts';
import { openUdpChannel } from '../../../src/aaa/radius/udp.ts';
import type { AuthenticateAnswer, CallFacts, Credentials } from '../../../src/engine/aaa.ts';
import { challengeResponse, ntPasswordHash } from '../../../src/engine/ppp/auth/ms-chap-digests.ts';
import { authenticatorResponse, ntResponse } from '../../../src/engine/ppp/auth/mschapv2.ts';
import { type RadiusSpec, Secret } from '../../../src/engine/spec.ts';

export interface Login {
  method: 'none' | 'pap' | 'chap' | 'mschapv1' | 'mschapv2' | 'eap';
  user: string;
  password: string;
}

export type ServerText = Omit<RadiusSpec['servers'][number], 'secret'> & { secret: string };

/** What MS-CHAPv2's server must say to show that it knows the password, beside what it said. */
export type LoginResult = AuthenticateAnswer & { expectedResponse?: string };

const [specJson, loginsJson] = process.argv.slice(2);
const { servers, ...rest }: Omit<RadiusSpec, 'servers'> & { servers: ServerText[] } = JSON.parse(specJson);
const logins: Login[] = JSON.parse(loginsJson);

const clock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const radius = new RadiusAuthentication(new RadiusSessions('test'), clock, openUdpChannel);
radius.configure({ ...rest, servers: servers.map((server) => ({ ...server, secret: new Secret(server.secret) })) });

const call: CallFacts = { port: '1/1', avps: { callingNumber: '5550100', calledNumber: '5551212' } };

function ask(session: number, user: string, credentials: Credentials): Promise<AuthenticateAnswer> {
  return new Promise((resolve) => radius.authenticate({ session, aaa: 'radius', user, credentials, call }, resolve));
}

async function logIn(session: number, { method, user, password }: Login): Promise<LoginResult> {
  const identifier = session & 0xff;
  const secret = new Secret(password);
  switch (method) {
    case 'none':
      return await ask(session, user, { method });
    case 'pap':
      return await ask(session, user, { method, password: secret });
    case 'chap': {
      const challenge = randomBytes(24);
      const response = createHash('md5').update(Uint8Array.of(identifier)).update(password).update(challenge).digest();
      return await ask(session, user, { method, identifier, challenge, response });
    }
    case 'mschapv1': {
      const challenge = randomBytes(8);
      const nt = challengeResponse(challenge, ntPasswordHash(secret));
      const response = { lm: new Uint8Array(24), nt, useNt: true };
      return await ask(session, user, { method, identifier, challenge, response });
    }
    case 'mschapv2': {
      const [challenge, peerChallenge] = [randomBytes(16), randomBytes(16)];
      const exchange = { authenticatorChallenge: challenge, peerChallenge, user, password: secret };
      const response = ntResponse(exchange);
      const answer = await ask(session, user, { method, identifier, challenge, peerChallenge, response });
      return { ...answer, expectedResponse: authenticatorResponse(exchange, response) };
    }
    case 'eap':
      return await eapMd5(session, user, password);
  }
}

/** RFC 3748 5.1, 5.4: the identity, then the answer to an MD5 challenge. */
async function eapMd5(session: number, user: string, password: string): Promise<AuthenticateAnswer> {
  const identity = Buffer.concat([Uint8Array.of(2, 1, 0, 5 + user.length, 1), Buffer.from(user)]);
  const asked = await ask(session, user, { method: 'eap', packet: identity });
  if (asked.verdict !== 'challenge') return asked;
  const [, identifier, , , type, octets] = asked.eap;
  if (type !== 4) throw new Error(`EAP type ${type} instead of MD5`);
  const challenge = asked.eap.subarray(6, 6 + octets);
  const digest = createHash('md5').update(Uint8Array.of(identifier)).update(password).update(challenge).digest();
  const packet = Buffer.concat([Uint8Array.of(2, identifier, 0, 22, 4, 16), digest]);
  return await ask(session, user, { method: 'eap', packet });
}

/** Octets as hexadecimal digits, and bigints as text. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'bigint' ? value.toString() : value;
}

const results = await Promise.all(logins.map((login, i) => logIn(i + 1, login)));
for (const result of results) process.stdout.write(`${JSON.stringify(result, plain)}\n`);
radius.close();
