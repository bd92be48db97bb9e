/** A Session's proxyAuth and proxyLcp -> the AVPs of RFC 2661 4.4.5. */
import { type PppProxy, Secret } from '../engine/spec.ts';
import type { Context } from './context.ts';
import type { SessionFields } from './generated.ts';
import { octetsOf } from './octets.ts';
import type { Resource } from './resources.ts';

type ProxyAuth = NonNullable<SessionFields['proxyAuth']>;

/** The values of the Proxy Authen Type AVP, and what must come with each (RFC 2661 4.4.5). */
const authenTypes = {
  none: { code: 4, needs: [] },
  text: { code: 1, needs: ['name', 'response'] },
  chap: { code: 2, needs: ['name', 'id', 'challenge', 'response'] },
  pap: { code: 3, needs: ['name', 'id', 'response'] },
} as const satisfies Record<ProxyAuth['type'], { code: number; needs: readonly string[] }>;

/** Undefined: the call's client is met by the LNS first. */
export function proxyOf(context: Context, session: Resource<'Session'>, type: string): PppProxy | undefined {
  const { proxyAuth, proxyLcp } = session.document.spec;
  if (!proxyAuth && !proxyLcp) return undefined;
  if (type !== 'lacIncoming') {
    const message = `only a LAC tells it: the call's type is ${type}, not lacIncoming`;
    context.declarations.reportAt(session, proxyAuth ? 'proxyAuth' : 'proxyLcp', message);
  }
  return {
    initialReceivedLcpConfReq: octetsOf(proxyLcp?.initialReceived),
    lastSentLcpConfReq: octetsOf(proxyLcp?.lastSent),
    lastReceivedLcpConfReq: octetsOf(proxyLcp?.lastReceived),
    ...(proxyAuth && authOf(context, session, proxyAuth)),
  };
}

function authOf(context: Context, session: Resource<'Session'>, auth: ProxyAuth): PppProxy {
  const { code, needs } = authenTypes[auth.type];
  const { name, id, challenge } = auth;
  const given = { name, id, challenge, response: auth.responseRef ?? auth.responseFile };
  for (const field of needs) {
    if (given[field] !== undefined) continue;
    const what = field === 'response' ? 'responseRef or responseFile' : field;
    context.declarations.reportAt(session, 'proxyAuth', `type ${auth.type} needs ${what}`);
  }
  return {
    proxyAuthenType: code,
    proxyAuthenName: name,
    proxyAuthenId: id,
    proxyAuthenChallenge: octetsOf(challenge),
    proxyAuthenResponse: responseOf(context, session, auth),
  };
}

function responseOf({ declarations, secretOf }: Context, session: Resource<'Session'>, auth: ProxyAuth) {
  const layer = {
    from: session.id,
    values: auth,
    locate: ([spec, ...path]: readonly (string | number)[]) => session.locate([spec, 'proxyAuth', ...path]),
  };
  const response = secretOf([layer], 'response', session.id);
  if (!response || auth.type !== 'chap') return response;
  const octets = octetsOf(new TextDecoder().decode(response.reveal()).trim());
  if (octets) return new Secret(octets);
  const field = auth.responseRef ? 'responseRef' : 'responseFile';
  declarations.reportAt(session, `proxyAuth.${field}`, 'a CHAP response must be octets in hexadecimal');
  return undefined;
}
