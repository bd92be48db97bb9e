/** What a LAC that has met a client first tells an LNS of it: RFC 2661 4.4.5's AVPs, written and read. */
import type { Credentials } from '../aaa.ts';
import type { PppProxy } from '../spec.ts';
import { Secret } from '../wire/secret.ts';
import { MD5_OCTETS } from './auth/chap-kinds.ts';
import { type Captured, MAX_NAME_OCTETS } from './auth/exchange.ts';
import { methodName } from './auth/methods.ts';
import type { Lcp } from './lcp.ts';
import type { PppAuthMethod, PppSpec } from './spec.ts';

/** RFC 2661 4.4.5, Proxy Authen Type. 5 is MS-CHAPv1, which we neither hand over nor take. */
const AuthenType = { text: 1, chap: 2, pap: 3, none: 4 } as const;

export function writeCaptured(captured: Captured | undefined): PppProxy {
  switch (captured?.method) {
    case undefined:
      return { proxyAuthenType: AuthenType.none };
    case 'pap':
      return {
        proxyAuthenType: captured.identifier === undefined ? AuthenType.text : AuthenType.pap,
        proxyAuthenName: captured.user,
        proxyAuthenId: captured.identifier,
        proxyAuthenResponse: captured.password,
      };
    case 'chap':
      return {
        proxyAuthenType: AuthenType.chap,
        proxyAuthenName: captured.user,
        proxyAuthenChallenge: captured.challenge,
        proxyAuthenId: captured.identifier,
        proxyAuthenResponse: new Secret(captured.response),
      };
  }
}

/** The client's answer, if there is one that could have come in a PPP packet. */
function readCaptured(proxy: PppProxy): Captured | undefined {
  const { proxyAuthenName: user, proxyAuthenId: identifier, proxyAuthenResponse: response } = proxy;
  const challenge = proxy.proxyAuthenChallenge;
  if (user === undefined || response === undefined) return undefined;
  if (user.length > MAX_NAME_OCTETS || response.reveal().length > MAX_NAME_OCTETS) return undefined;
  switch (proxy.proxyAuthenType) {
    case AuthenType.text:
      return { method: 'pap', user, identifier: undefined, password: response };
    case AuthenType.pap:
      if (identifier === undefined) return undefined;
      return { method: 'pap', user, identifier: identifier & 0xff, password: response };
    case AuthenType.chap:
      if (identifier === undefined || challenge === undefined || challenge.length === 0) return undefined;
      if (response.reveal().length !== MD5_OCTETS) return undefined;
      return { method: 'chap', user, identifier: identifier & 0xff, challenge, response: response.reveal() };
    default:
      return undefined;
  }
}

/** The client's answer as somebody else is to judge it. */
export function capturedCredentials(proxy: PppProxy): Credentials {
  const captured = readCaptured(proxy);
  switch (captured?.method) {
    case undefined:
      return { method: 'none' };
    case 'pap':
      return { method: 'pap', password: captured.password };
    case 'chap': {
      const { method, identifier, challenge, response } = captured;
      return { method, identifier, challenge, response };
    }
  }
}

/** What was taken of a LAC's facts, or why nothing was and the link has to be negotiated anew. */
export type Taken = { captured: Captured | undefined } | { flaw: string };

/**
 * Opens LCP with the LAC's facts if the spec would have come to them too. Without `captured` the client has still to
 * authenticate itself, as far as the spec demands it: by the CHAP that LCP has agreed on.
 */
export function takeProxy(proxy: PppProxy, spec: PppSpec, lcp: Lcp): Taken {
  const { lastSentLcpConfReq: sent, lastReceivedLcpConfReq: received } = proxy;
  if (sent === undefined || received === undefined) return { flaw: 'the LAC does not tell what LCP came to' };
  const flaw = lcp.adopt(sent, received);
  if (flaw !== undefined) return { flaw };
  const taken = takeAnswer(readCaptured(proxy), lcp.authenticatorMethod, spec);
  if ('flaw' in taken) lcp.disown();
  return taken;
}

/** `agreed`: what the client has agreed to in LCP. */
function takeAnswer(captured: Captured | undefined, agreed: PppAuthMethod | undefined, spec: PppSpec): Taken {
  const inPacket = captured?.identifier !== undefined;
  switch (agreed) {
    case undefined:
      if (!spec.authenticatePeer) return { captured: undefined };
      // A user name and password that were asked for before PPP are as good as PAP's.
      if (captured?.method === 'pap' && !inPacket && spec.authMethods.includes('pap')) return { captured };
      return { flaw: 'the client has not agreed to authenticate itself' };
    case 'pap':
      // A client that has been told that it passed would not say it again.
      return captured?.method === 'pap' && inPacket
        ? { captured }
        : { flaw: 'the LAC has no PAP request of the client' };
    case 'chap':
      return { captured: captured?.method === 'chap' ? captured : undefined };
    case 'mschapv1':
    case 'mschapv2':
      return { flaw: `${methodName(agreed)} cannot be handed over` };
    case 'eap':
      // Nobody hands it over: it begins here, with who the client is.
      return { captured: undefined };
  }
}
