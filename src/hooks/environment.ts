/** What a hook finds in its environment. Names are those of the API. */
import { formatIpv4, type SessionView, type TunnelView } from '../engine/spec.ts';

export type Environment = Record<string, string>;

export function tunnelEnvironment(tunnel: string, view: TunnelView): Environment {
  return told({
    TUNNEL: tunnel,
    LOCAL_ADDRESS: view.local.address,
    PEER_ADDRESS: view.remote.address,
    PEER_HOST_NAME: view.peerHostName,
    PEER_PROFILE: view.peerProfile,
  });
}

export function sessionEnvironment(session: string, view: SessionView): Environment {
  const { call, ppp, spec } = view;
  return told({
    SESSION: session,
    TYPE: view.type,
    USER: ppp.user,
    INTERFACE: view.interface,
    LOCAL_IPV4: ppp.ipv4 && formatIpv4(ppp.ipv4.local),
    REMOTE_IPV4: ppp.ipv4 && formatIpv4(ppp.ipv4.remote),
    CALLING_NUMBER: call.callingNumber ?? spec?.callingNumber,
    CALLED_NUMBER: call.calledNumber ?? spec?.calledNumber,
  });
}

/** Variables with our prefix. Without control characters: peers chose some of this, and a NUL is no environment at all. */
export function told(values: Readonly<Record<string, string | undefined>>): Environment {
  const environment: Environment = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) environment[`PROL2TP_${name}`] = value.replace(/\p{Cc}/gu, '?');
  }
  return environment;
}
