import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ChapAuthenticator } from '../../../../src/engine/ppp/auth/chap-authenticator.ts';
import { ChapLogin } from '../../../../src/engine/ppp/auth/chap-login.ts';
import { authenticatorResponse, ntResponse } from '../../../../src/engine/ppp/auth/mschapv2.ts';
import { PapAuthenticator, PapLogin } from '../../../../src/engine/ppp/auth/pap.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';
import { checkAgainst, packet, seededRandom } from '../pair.ts';
import { clientSpec, serverSpec } from '../specs.ts';
import { hear, take, text } from './talk.ts';

const PAP = 0xc023;
const CHAP = 0xc223;
const request = (id: number, user: string, password: string): Uint8Array =>
  packet(PAP, 1, id, [user.length, ...text(user), password.length, ...text(password)]);

describe('the PAP authenticator', () => {
  const fresh = (): PapAuthenticator => new PapAuthenticator(serverSpec());
  const refusal = [21, ...text('authentication failed')];

  it('asks for a verdict, and says it again to who asks again', () => {
    const pap = fresh();
    expect(hear(pap, request(1, 'bob', 'hunter2'))).toEqual([]);
    expect(pap).toMatchObject({ state: 'asking', user: 'bob' });
    expect(pap.credentials()).toMatchObject({ method: 'pap', password: new Secret('hunter2') });
    expect(hear(pap, request(2, 'bob', 'hunter2'))).toEqual([]);
    const answers = take((out) => pap.answer(checkAgainst('hunter2'), 0, out));
    expect(answers).toEqual([packet(PAP, 2, 2, [0])]);
    expect(hear(pap, request(3, 'bob', 'hunter2'))).toEqual([packet(PAP, 2, 3, [0])]);
    expect(pap).toMatchObject({ state: 'passed', timerAt: 0 });
  });

  it('refuses a wrong password, and again', () => {
    const pap = fresh();
    hear(pap, request(1, 'bob', 'Hunter2'));
    const answers = take((out) => pap.answer(checkAgainst('hunter2'), 0, out));
    expect(answers).toEqual([packet(PAP, 3, 1, refusal)]);
    expect(hear(pap, request(2, 'bob', 'hunter2'))).toEqual([packet(PAP, 3, 2, refusal)]);
    expect(pap).toMatchObject({ state: 'failed', failure: { reason: 'wrong password' } });
  });

  it.each([
    ['words', 'come back tomorrow', 'come back tomorrow'],
    ['more words than fit', 'no'.repeat(200), `${'no'.repeat(127)}n`],
    ['words in UTF-8, no half a letter of them', 'é'.repeat(200), 'é'.repeat(127)],
  ])('tells the peer the %s of whoever knows the users', (_name, reply, expected) => {
    const pap = fresh();
    hear(pap, request(1, 'bob', 'hunter2'));
    const [nak] = take((out) => pap.answer({ verdict: 'reject', message: 'for us', reply }, 0, out));
    const octets = text(expected);
    expect(nak).toEqual(packet(PAP, 3, 1, [octets.length, ...octets]));
    expect(pap.failure?.reason).toBe('for us');
  });

  it('refuses who should answer a further question', () => {
    const pap = fresh();
    hear(pap, request(1, 'bob', 'hunter2'));
    const [nak] = take((out) => pap.answer({ verdict: 'challenge', eap: new Uint8Array(9) }, 0, out));
    expect(nak[4]).toBe(3);
    expect(pap.failure?.reason).toBe('the user has to answer further questions, which only EAP can ask');
  });

  it('heeds no request whose fields do not fit', () => {
    const pap = fresh();
    for (const data of [[], [3], [3, 1, 2, 3], [1, 65, 2, 66], [200, 1, 2]]) hear(pap, packet(PAP, 1, 1, data));
    hear(pap, packet(PAP, 2, 1, [1, 65, 1, 66]));
    expect(pap.state).toBe('waiting');
    hear(pap, packet(PAP, 1, 1, [0, 0]));
    expect(pap).toMatchObject({ state: 'asking', user: '' });
  });

  it('waits as long as the profile says', () => {
    const pap = new PapAuthenticator(serverSpec({ papTimeoutMs: 7000 }));
    pap.start(100);
    expect(pap.timerAt).toBe(7100);
    pap.tick();
    expect(pap).toMatchObject({ state: 'failed', timerAt: 0 });
  });
});

describe('the PAP login', () => {
  it('repeats its request under new identifiers and takes an answer to any', () => {
    const pap = new PapLogin(clientSpec(), seededRandom(1));
    const [first] = take((out) => pap.start(0, out));
    const [second] = take((out) => pap.tick(3000, out));
    expect(second[5]).toBe((first[5] + 1) & 255);
    expect(first.slice(8)).toEqual(Uint8Array.of(3, ...text('bob'), 7, ...text('hunter2')));
    hear(pap, packet(PAP, 2, first[5] - 1));
    hear(pap, packet(PAP, 2, (second[5] + 1) & 255));
    hear(pap, packet(PAP, 1, first[5]));
    expect(pap.state).toBe('waiting');
    hear(pap, packet(PAP, 2, first[5]));
    expect(pap).toMatchObject({ state: 'passed', timerAt: 0 });
  });

  it('says why it was refused', () => {
    const pap = new PapLogin(clientSpec(), seededRandom(1));
    const [frame] = take((out) => pap.start(0, out));
    hear(pap, packet(PAP, 3, frame[5], [2, ...text('no')]));
    expect(pap).toMatchObject({
      state: 'failed',
      failure: { reason: 'the peer refused our user name or password: no' },
    });
  });

  it('cuts what is too long for its fields', () => {
    const spec = clientSpec({ userName: 'u'.repeat(300), password: new Secret('p'.repeat(300)) });
    const [frame] = take((out) => new PapLogin(spec, seededRandom(1)).start(0, out));
    expect(frame.length).toBe(8 + 256 + 256);
  });
});

describe('the CHAP authenticator', () => {
  const respond = (challenge: Uint8Array, password: string): Uint8Array => {
    const hash = createHash('md5').update(challenge.subarray(5, 6)).update(password).update(challenge.slice(9, 25));
    return packet(CHAP, 2, challenge[5], [16, ...hash.digest(), ...text('bob')]);
  };

  it('challenges with its name, each time anew', () => {
    const chap = new ChapAuthenticator(serverSpec(), seededRandom(1), 'chap');
    const [first] = take((out) => chap.start(0, out));
    const [second] = take((out) => chap.tick(3000, out));
    expect(first[8]).toBe(16);
    expect([...first.slice(25)]).toEqual(text('lns'));
    expect(second[5]).toBe((first[5] + 1) & 255);
    expect(second.slice(9, 25)).not.toEqual(first.slice(9, 25));
  });

  it('takes the right response only, and repeats its verdict', () => {
    for (const [password, code] of [
      ['hunter2', 3],
      ['wrong', 4],
    ] as const) {
      const chap = new ChapAuthenticator(serverSpec(), seededRandom(1), 'chap');
      const [challenge] = take((out) => chap.start(0, out));
      const response = respond(challenge, password);
      hear(chap, response);
      expect(chap).toMatchObject({ state: 'asking', user: 'bob' });
      expect(hear(chap, response)).toEqual([]);
      const [verdict] = take((out) => chap.answer(checkAgainst('hunter2'), 0, out));
      expect([verdict[4], verdict[5]]).toEqual([code, challenge[5]]);
      expect(hear(chap, response)).toEqual([verdict]);
    }
  });

  it('heeds no response of a wrong shape or to another challenge', () => {
    const chap = new ChapAuthenticator(serverSpec(), seededRandom(1), 'chap');
    const [challenge] = take((out) => chap.start(0, out));
    const id = challenge[5];
    const value = new Array(16).fill(1);
    hear(chap, packet(CHAP, 2, (id + 1) & 255, [16, ...value]));
    hear(chap, packet(CHAP, 2, id, []));
    hear(chap, packet(CHAP, 2, id, [0, 1]));
    hear(chap, packet(CHAP, 2, id, [17, ...value]));
    hear(chap, packet(CHAP, 2, id, [8, ...value]));
    hear(chap, packet(CHAP, 2, id, [16, ...value, ...new Array(256).fill(65)]));
    hear(chap, packet(CHAP, 1, id, [16, ...value]));
    expect(chap.state).toBe('waiting');
    hear(chap, packet(CHAP, 2, id, [16, ...value]));
    expect(chap.state).toBe('asking');
  });

  it('passes on what an MS-CHAPv2 judge elsewhere says, and refuses without its proof', () => {
    for (const authenticatorResponse of ['S=ABC M=hi', undefined]) {
      const chap = new ChapAuthenticator(serverSpec(), seededRandom(1), 'mschapv2');
      const [challenge] = take((out) => chap.start(0, out));
      hear(chap, packet(CHAP, 2, challenge[5], [49, ...new Array(49).fill(2), ...text('bob')]));
      expect(chap.credentials()).toMatchObject({
        method: 'mschapv2',
        challenge: challenge.slice(9, 25),
        peerChallenge: new Uint8Array(16).fill(2),
        response: new Uint8Array(24).fill(2),
      });
      const answer = { verdict: 'accept', grant: {}, authenticatorResponse } as const;
      const [verdict] = take((out) => chap.answer(answer, 0, out));
      const said = Buffer.from(verdict.slice(8)).toString();
      if (authenticatorResponse !== undefined) expect([verdict[4], said]).toEqual([3, 'S=ABC M=hi']);
      else expect(said).toMatch(/^E=691 R=0 C=[0-9A-F]{32} V=3 M=authentication failed$/);
    }
  });
});

describe('the CHAP login', () => {
  const challenge = (id: number, fill: number): Uint8Array =>
    packet(CHAP, 1, id, [16, ...new Array(16).fill(fill), ...text('lns')]);

  it('answers with the digest of RFC 1994', () => {
    const chap = new ChapLogin(clientSpec(), seededRandom(1), 'chap');
    const expected = createHash('md5').update(Uint8Array.of(5)).update('hunter2').update(new Uint8Array(16).fill(9));
    expect(hear(chap, challenge(5, 9))).toEqual([packet(CHAP, 2, 5, [16, ...expected.digest(), ...text('bob')])]);
    expect(chap.state).toBe('waiting');
    hear(chap, packet(CHAP, 3, 6));
    expect(chap.state).toBe('waiting');
    hear(chap, packet(CHAP, 3, 5));
    expect(chap.state).toBe('passed');
  });

  it.each(['chap', 'mschapv1', 'mschapv2'] as const)(
    'by %s is let in although an older challenge comes late',
    (method) => {
      const server = new ChapAuthenticator(serverSpec(), seededRandom(1), method);
      const client = new ChapLogin(clientSpec(), seededRandom(2), method);
      const [stale] = take((out) => server.start(0, out));
      const [current] = take((out) => server.tick(3000, out));
      const [response] = hear(client, current);
      const [toStale] = hear(client, stale);
      expect(hear(server, toStale)).toEqual([]);
      // Whichever was lost comes again.
      expect(take((out) => client.tick(3100, out))).toEqual([response, toStale]);
      hear(server, response);
      const [verdict] = take((out) => server.answer(checkAgainst('hunter2'), 0, out));
      hear(client, verdict);
      expect(client).toMatchObject({ state: 'passed', timerAt: 0 });
    },
  );

  it('waits for few verdicts, however many challenges come', () => {
    const chap = new ChapLogin(clientSpec(), seededRandom(1), 'chap');
    for (let id = 0; id < 200; id++) expect(hear(chap, challenge(id, 9)).length).toBe(1);
    expect(take((out) => chap.tick(3000, out)).map((frame) => frame[5])).toEqual([196, 197, 198, 199]);
  });

  it('gives one MS-CHAPv2 challenge one answer, however often it comes', () => {
    const chap = new ChapLogin(clientSpec(), seededRandom(1), 'mschapv2');
    const [response] = hear(chap, challenge(5, 9));
    expect(hear(chap, challenge(5, 9))).toEqual([response]);
    const exchange = {
      authenticatorChallenge: new Uint8Array(16).fill(9),
      peerChallenge: response.slice(9, 25),
      user: 'bob',
      password: new Secret('hunter2'),
    };
    expect(response.slice(33, 57)).toEqual(ntResponse(exchange));
    expect([...response.slice(58)]).toEqual(text('bob'));
    hear(chap, packet(CHAP, 3, 5, text(`${authenticatorResponse(exchange, response.slice(33, 57))} M=hello`)));
    expect(chap.state).toBe('passed');
    // A late copy is no new challenge, the next one is.
    expect(hear(chap, challenge(5, 9))).toEqual([]);
    expect(hear(chap, challenge(6, 9)).length).toBe(1);
  });

  it('fails at a Failure or a Success without proof', () => {
    for (const [code, message] of [
      [4, 'E=691 R=0'],
      [3, ''],
      [3, `S=${'0'.repeat(40)}`],
    ] as const) {
      const chap = new ChapLogin(clientSpec(), seededRandom(1), 'mschapv2');
      hear(chap, challenge(5, 9));
      hear(chap, packet(CHAP, code, 5, text(message)));
      expect(chap.state).toBe('failed');
    }
  });

  it("tells a Failure's message and error number, and not its challenge", () => {
    const chap = new ChapLogin(clientSpec(), seededRandom(1), 'mschapv2');
    hear(chap, challenge(5, 9));
    hear(chap, packet(CHAP, 4, 5, text(`E=691 R=0 C=${'AB'.repeat(16)} V=3 M=try the new password`)));
    expect(chap.failure?.reason).toBe(
      'the peer refused our user name or password: authentication failed (error 691): try the new password',
    );
  });

  it('repeats its response until there is a verdict', () => {
    const chap = new ChapLogin(clientSpec({ chapMaxChallenge: 3 }), seededRandom(1), 'chap');
    chap.start(0);
    const [response] = hear(chap, challenge(5, 9));
    expect(take((out) => chap.tick(3000, out))).toEqual([response]);
    expect(take((out) => chap.tick(6000, out))).toEqual([response]);
    expect(take((out) => chap.tick(9000, out))).toEqual([]);
    expect(chap).toMatchObject({ state: 'failed', failure: { reason: 'the peer gives no CHAP verdict' } });
  });
});
