/** AVPs that stand together in several messages. */

/** What PPP has already said to the LAC (RFC 2661 4.4.5). */
export const proxyAvps = [
  'initialReceivedLcpConfReq',
  'lastSentLcpConfReq',
  'lastReceivedLcpConfReq',
  'proxyAuthenType',
  'proxyAuthenName',
  'proxyAuthenChallenge',
  'proxyAuthenId',
  'proxyAuthenResponse',
] as const;

/** What is known of the line that a call comes from (RFC 5515 5). */
const accessLineAvps = [
  'agentCircuitId',
  'agentRemoteId',
  'actualDataRateUpstreamBps',
  'actualDataRateDownstreamBps',
  'minimumDataRateUpstreamBps',
  'minimumDataRateDownstreamBps',
  'attainableDataRateUpstreamBps',
  'attainableDataRateDownstreamBps',
  'maximumDataRateUpstreamBps',
  'maximumDataRateDownstreamBps',
  'minimumDataRateUpstreamLowPowerBps',
  'minimumDataRateDownstreamLowPowerBps',
  'maximumInterleavingDelayUpstreamMs',
  'actualInterleavingDelayUpstreamMs',
  'maximumInterleavingDelayDownstreamMs',
  'actualInterleavingDelayDownstreamMs',
  'accessLoopEncapsulation',
  'accessLineType',
  'iwfSession',
] as const;

/** How the LAC wants LCP to be negotiated (RFC 3437 2). */
export const lcpOptionAvps = ['lcpWantOptions', 'lcpAllowOptions'] as const;

/** What a request in L2TPv2 tells a peer that can read L2TPv3 (RFC 3931 4.7.3). */
export const offerAvps = [
  'assignedControlConnectionId',
  'routerId',
  'pseudowireCapabilities',
  'messageNonce',
  'preferredLanguage',
] as const;

/** Beside what must be there, in L2TPv3's SCCRQ and SCCRP. */
export const connectionAvps = [
  'messageNonce',
  'vendorName',
  'receiveWindowSize',
  'preferredLanguage',
  'controlConnectionDs',
] as const;

/** In all of L2TPv3's messages that set up a session. */
export const sessionAvps = [
  'remoteSessionId',
  'l2SpecificSublayer',
  'dataSequencing',
  'txConnectSpeedBps',
  'rxConnectSpeedBps',
] as const;

/** In L2TPv3's requests and replies, by the kind of the pseudowire (RFC 4591 3.5, RFC 4454 6 and 7, RFC 4667 4.3). */
export const circuitAvps = [
  'frameRelayHeaderOctets',
  'atmMaxConcatenatedCells',
  'oamEmulationRequired',
  'interfaceMtu',
] as const;

/** In L2TPv3's requests. The two groups are RFC 4667 4.3's. */
export const requestAvps = ['assignedCookie', 'tieBreaker', 'attachmentGroupId', 'localEndId'] as const;

/** What the LAC knows of a call when it comes in. */
export const incomingCallAvps = [
  'bearerType',
  'physicalChannelId',
  'callingNumber',
  'calledNumber',
  'subAddress',
  'serviceCategory',
  'serviceName',
  'callingSubAddress',
  'virtualChannel',
  'sessionDs',
  'proxyAuthenName',
  'connectSpeedUpdateEnable',
  ...accessLineAvps,
] as const;

/** What it knows in the end. */
export const incomingConnectedAvps = [...proxyAvps, 'privateGroupId', ...lcpOptionAvps] as const;

/** Which call the LNS wants; RFC 3308 4 lets the name choose the DSCP. */
export const outgoingCallAvps = [
  'subAddress',
  'rxMinimumBps',
  'rxMaximumBps',
  'serviceCategory',
  'serviceName',
  'sessionDs',
  'proxyAuthenName',
] as const;
