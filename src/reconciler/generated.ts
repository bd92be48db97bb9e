// Generated from schemas/ by scripts/generate.ts.

export type Encapsulation = 'udp' | 'ip';

export type TraceCategory =
  | 'protocol'
  | 'fsm'
  | 'api'
  | 'avpInfo'
  | 'avpHide'
  | 'avpData'
  | 'transport'
  | 'data'
  | 'system'
  | 'ppp';

export type Pseudowire =
  | 'ppp'
  | 'ethernet'
  | 'vlan'
  | 'hdlc'
  | 'frameRelay'
  | 'atmAal5'
  | 'atmCellPort'
  | 'atmCellVcc'
  | 'atmCellVpc';

export type Quirk =
  | 'clearReply'
  | 'closeWhenEmpty'
  | 'draftAvps'
  | 'neverChallenges'
  | 'noHello'
  | 'omitRxConnectSpeed'
  | 'plainRequest'
  | 'tunnelIdZero'
  | 'unknownMandatoryAvps';

export type AvpName =
  | 'accessLineType'
  | 'accessLoopEncapsulation'
  | 'actualDataRateDownstreamBps'
  | 'actualDataRateUpstreamBps'
  | 'actualInterleavingDelayDownstreamMs'
  | 'actualInterleavingDelayUpstreamMs'
  | 'agentCircuitId'
  | 'agentRemoteId'
  | 'atmMaxConcatenatedCells'
  | 'attachmentGroupId'
  | 'attainableDataRateDownstreamBps'
  | 'attainableDataRateUpstreamBps'
  | 'bearerType'
  | 'calledNumber'
  | 'callingNumber'
  | 'callingSubAddress'
  | 'connectSpeedUpdateEnable'
  | 'frameRelayHeaderOctets'
  | 'framingType'
  | 'initialReceivedLcpConfReq'
  | 'interfaceMtu'
  | 'iwfSession'
  | 'lastReceivedLcpConfReq'
  | 'lastSentLcpConfReq'
  | 'lcpAllowOptions'
  | 'lcpWantOptions'
  | 'localEndId'
  | 'maximumBps'
  | 'maximumDataRateDownstreamBps'
  | 'maximumDataRateUpstreamBps'
  | 'maximumInterleavingDelayDownstreamMs'
  | 'maximumInterleavingDelayUpstreamMs'
  | 'minimumBps'
  | 'minimumDataRateDownstreamBps'
  | 'minimumDataRateDownstreamLowPowerBps'
  | 'minimumDataRateUpstreamBps'
  | 'minimumDataRateUpstreamLowPowerBps'
  | 'oamEmulationRequired'
  | 'physicalChannelId'
  | 'privateGroupId'
  | 'proxyAuthenChallenge'
  | 'proxyAuthenId'
  | 'proxyAuthenName'
  | 'proxyAuthenResponse'
  | 'proxyAuthenType'
  | 'remoteEndId'
  | 'rxConnectSpeedBps'
  | 'rxMaximumBps'
  | 'rxMinimumBps'
  | 'serviceCategory'
  | 'serviceName'
  | 'subAddress'
  | 'txConnectSpeedBps'
  | 'virtualChannel';

export type AvpTreatment = 'relay' | 'drop' | 'regenerate';

/** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
export interface Metadata {
  /** The resource's name, unique within its kind. */
  name: string;
  /** The Kubernetes namespace. Not used with files. */
  namespace?: string;
  /** Free key-value pairs to select by. */
  labels?: Record<string, string>;
  /** Free key-value pairs for other programs. */
  annotations?: Record<string, string>;
}

export interface SecretRef {
  /** The Secret's name. */
  name: string;
  /** The key within the Secret. */
  key: string;
}

export interface RateLimit {
  /** From us to the subscriber. 0: no limit. Default: 0. */
  tx?: number | string;
  /** From the subscriber to us. 0: no limit. Default: 0. */
  rx?: number | string;
}

export interface Hook {
  /** The program and its arguments. A program with a slash in its name stands relative to this document's directory, another one in the PATH. Nothing passes through a shell. */
  command: string[];
  /** How long it may run before it is ended. Default: 10s. */
  timeout?: string;
}

export interface Circuit {
  /** The unix datagram socket at which the circuit's program reaches us. Without it `/run/prol2tp/NAME.circuit`, by the Session's name. */
  socket?: string;
  /** frameRelay: the DLCI on our side. Without it frames keep theirs. */
  dlci?: number;
  /** atmAal5, atmCellVcc, atmCellVpc: the VPI on our side. Without it cells keep theirs. */
  vpi?: number;
  /** atmAal5, atmCellVcc: the VCI on our side. Without it cells keep theirs. */
  vci?: number;
  /** atmCellPort, atmCellVcc, atmCellVpc: how many cells one data message may hold. Default: 1. */
  maxCells?: number;
}

export interface Forward {
  /** The first rule that fits the call decides. A rule without tunnels, plugin and aaa: the call is terminated here. */
  rules?: {
    /** What stands behind the @ of the user's name; `*` stands for any text, `?` for one character. Where the user is not told with the call, LCP and authentication are begun with the client to learn it. */
    realm?: string;
    /** The called number; `*` stands for any text, `?` for one character. */
    calledNumber?: string;
    /** The Gateway's plugin that is asked for the tunnels; those below are taken when it has no answer. */
    plugin?: string;
    /** Whether the aaa of the call's PppProfile is asked for the tunnels (RFC 2868), which nobody needs to declare; those below are taken when it names none. Whom it rejects is hung up. */
    aaa?: boolean;
    /** The Tunnels that the call goes on in, in the order of preference. */
    tunnels?: string[];
  }[];
  /** The Tunnels of every call that no rule fits, in the order of preference. Without them such a call is terminated here. */
  tunnels?: string[];
  /** What becomes of the call's AVPs, by name. relay: as they came; drop: left out; regenerate: made from this profile. Without a word: relay. */
  avps?: Partial<Record<AvpName, AvpTreatment>>;
}

/** One thing that holds or does not. */
export interface Condition {
  /** Ready, Reconciling, Stalled, Established or PeerAuthenticated. */
  type: string;
  /** Whether the condition holds. */
  status: 'True' | 'False' | 'Unknown';
  /** One word for programs: why. */
  reason: string;
  /** A sentence for the operator: what is, and what to do. */
  message: string;
  /** When the status last changed. */
  lastTransitionTime: string;
  /** The generation of the resource that this condition describes. */
  observedGeneration?: number;
}

/** Why it last failed or was closed. */
export interface LastError {
  /** When. */
  time: string;
  /** The Result Code AVP's result, when the peer or we sent one. */
  result?: number;
  /** The Result Code AVP's error code. */
  error?: number;
  /** What happened, in words. */
  message: string;
}

/** Which addresses. */
export interface AddressPoolFields {
  /** The IPv4 addresses: prefixes, or first and last address joined by '-'. Ranges must not overlap, here or in other pools. The first and last address of a prefix shorter than /31 are left out. */
  ranges?: string[];
  /** Addresses within the ranges that are not given out, written likewise, or single ones. Default: []. */
  exclude?: string[];
  /** IPv6 prefixes that are given out in pieces: those of a link, which are /64, or those that are delegated to networks behind subscribers. */
  ipv6?: {
    /** The prefixes to cut up. They must not overlap, here or in other pools. */
    prefixes: string[];
    /** The length of the pieces. Default: 64. */
    delegationLength?: number;
    /** Prefixes of which nothing is given out. Default: []. */
    exclude?: string[];
  };
}

/** What became of the pool. */
export interface AddressPoolStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** How many resources use this one. */
  usedBy?: number;
  /** How many IPv4 addresses the pool has. */
  total?: number;
  /** How many IPv4 addresses are given out. */
  used?: number;
  /** The pool's pieces of IPv6. */
  prefixes?: {
    /** How many the pool has. */
    total: number;
    /** How many are given out. */
    used: number;
  };
  /** How many requests were refused since the daemon began, because nothing was free. */
  refused?: number;
}

/** Addresses and IPv6 prefixes for subscribers. A PppProfile names the pools that it takes them from, or RADIUS does. */
export interface AddressPool {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** AddressPool. */
  kind: 'AddressPool';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** Which addresses. */
  spec: AddressPoolFields;
  /** What became of the pool. */
  status?: AddressPoolStatus;
}

/** The attachment's values. */
export interface EthernetProfileFields {
  /** The name of the device. Without it the data plane chooses one. Fits one pseudowire: a second one at the same time is refused. */
  interfaceName?: string;
  /** The MTU of the device. Without it what the tunnel's path leaves. */
  mtu?: number;
  /** The MAC address of the device. Without it the system chooses one. */
  macAddress?: string;
  /** A bridge that is there already, which the device joins. */
  bridge?: string;
  /** Of vlan pseudowires: the VLAN on our side. */
  vlanId?: number;
  /** What becomes of the tag of vlanId. strip: frames on our side have none, it is put on those to the peer and taken off those from it; rewrite: those from the peer get it in place of theirs; keep: nothing. Without a value: strip with a vlanId, else keep. */
  vlanAction?: 'strip' | 'rewrite' | 'keep';
  /** Our IP addresses on the device. Not with bridge or attach. Default: []. */
  addresses?: string[];
  /** An interface that is there already, port to port. Fits one pseudowire: a second one at the same time is refused. */
  attach?: {
    /** All of its frames go into the pseudowire, and all of the pseudowire's out of it. */
    interface: string;
  };
}

/** What became of the profile. */
export interface EthernetProfileStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** How many resources use this one. */
  usedBy?: number;
}

/** What Ethernet pseudowires are attached to: a device of their own, and what that is joined with. What a profile leaves open comes from the profile named `default`, then from the built-in values. */
export interface EthernetProfile {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** EthernetProfile. */
  kind: 'EthernetProfile';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** The attachment's values. */
  spec: EthernetProfileFields;
  /** What became of the profile. */
  status?: EthernetProfileStatus;
}

/** What the gateway should be. */
export interface GatewayFields {
  /** The addresses at which peers may open tunnels. Without one nobody can connect to us. */
  listen?: {
    /** The local address; 0.0.0.0 for all of them. */
    address: string;
    /** The UDP port. Over IP there is none. Default: 1701. */
    port?: number;
    /** UDP, or IP itself as protocol 115, which only L2TPv3 can. Default: udp. */
    encapsulation?: Encapsulation;
    /** Forbid fragments of what is sent from here, and follow the path's MTU. Default: false. */
    pmtuDiscovery?: boolean;
  }[];
  /** Whether peers may open tunnels to us. Default: true. */
  acceptTunnels?: boolean;
  /** Whether declared Tunnels are dialled. Turning it off leaves open ones alone. Default: true. */
  allowLocalTunnels?: boolean;
  /** Take no new tunnels and calls, dialled or accepted, and leave open ones alone: for an orderly stop. Default: false. */
  drain?: boolean;
  /** The most tunnels at one time. 0: no limit. Default: 0. */
  maxTunnels?: number;
  /** The most calls at one time over all tunnels. 0: no limit. Default: 0. */
  maxSessions?: number;
  /** How long a tunnel may take to come up before it is given up. Default: 120s. */
  tunnelEstablishTimeout?: string;
  /** How long a call may take to come up before it is given up. Default: 120s. */
  sessionEstablishTimeout?: string;
  /** The longest wait before a persistent tunnel is dialled again. The first wait is about one second and doubles up to this. Default: 300s. */
  tunnelPersistPendTimeout?: string;
  /** The longest wait before a call of a persistent tunnel is placed again. The first wait is about one second and doubles up to this. Default: 60s. */
  sessionPersistPendTimeout?: string;
  /** How many requests for tunnels are taken in a second; what is more is not answered, and the peers ask again. 0: no limit. */
  requestRateLimit?: {
    /** Of one peer's address. Default: 0. */
    perPeer?: number;
    /** Of all peers together. Default: 0. */
    total?: number;
  };
  /** Our name towards peers, where no TunnelProfile says another. */
  hostName?: string;
  /** What we tell peers about our make. Default: prol2tp. */
  vendorName?: string;
  /** L2TPv3: what tells us from other routers. Without a value it is made from the host name. */
  routerId?: number | string;
  /** Programs that are told of events. Each has the event in its environment and the object as JSON on its standard input. */
  hooks?: {
    /** Run when a tunnel is established. */
    tunnelUp?: Hook;
    /** Run when an established tunnel ended. */
    tunnelDown?: Hook;
    /** Run when a call is up. */
    sessionUp?: Hook;
    /** Run when a call that was up ended. */
    sessionDown?: Hook;
  };
  /** Code that the daemon loads: it may know the users, choose the tunnels of switched calls and understand vendors' AVPs. */
  plugins?: {
    /** What rules and profiles call it. */
    name: string;
    /** The file of an ECMAScript module, relative to this document's directory when it begins with `.`, or a package's name. */
    module: string;
    /** Whatever the plugin understands. */
    config?: Record<string, unknown>;
  }[];
  /** The RADIUS servers that PppProfiles with aaa `radius` ask. */
  radius?: {
    /** The servers in the order of preference: the next one is asked when one does not answer. */
    servers: {
      /** The server's address. */
      address: string;
      /** Its port for authentication. 0: it is not asked. Default: 1812. */
      authPort?: number;
      /** Its port for accounting. 0: it is not told. Default: 1813. */
      acctPort?: number;
      /** Our port at which it may change and end calls (RFC 5176). 0: it may not. Default: 3799. */
      coaPort?: number;
      /** The Secret that holds what we share with it. */
      secretRef?: SecretRef;
      /** The file that holds what we share with it, relative to this document's directory. One newline at its end does not count. */
      secretFile?: string;
      /** How long an answer is waited for. Default: 3s. */
      timeout?: string;
      /** How often a question is repeated before the next server is asked. Default: 3. */
      retries?: number;
    }[];
    /** Our name towards the servers. Without it the Gateway's hostName, else its resource's name. */
    nasIdentifier?: string;
    /** Our address as the servers know it. Without it they are told none. */
    nasAddress?: string;
    /** How often accounting is told of live calls, where neither the servers nor the PppProfile say. 0: only of their beginnings and ends. Default: 0. */
    interimInterval?: number | string;
    /** How long a server that does not answer is left alone while another one may be asked. Default: 60s. */
    deadTime?: number | string;
  };
  /** What user packets must pass, by the name that profiles, Subscribers and RADIUS's Filter-Id give. */
  filters?: {
    /** What profiles call it. */
    name: string;
    /** The first rule that fits a packet decides; what none fits passes. */
    rules: {
      /** Let the packet pass, or drop it. */
      action: 'allow' | 'deny';
      /** Which packets the rule is for: `in` come from the subscriber, `out` go there. Default: both. */
      direction?: 'in' | 'out' | 'both';
      /** The IP protocol. Without it any. */
      protocol?: number | string;
      /** Where the packet comes from. Without it anywhere. */
      source?: string;
      /** Where the packet goes. Without it anywhere. */
      destination?: string;
      /** The port of TCP or UDP that it comes from. */
      sourcePorts?: number | string;
      /** The port of TCP or UDP that it goes to. */
      destinationPorts?: number | string;
    }[];
  }[];
  /** Where Prometheus may fetch /metrics over TCP, in clear text and unasked who it is. Without it only the control socket answers. */
  metrics?: {
    /** The local address. Default: 127.0.0.1. */
    address?: string;
    /** The TCP port. Default: 9701. */
    port?: number;
  };
  /** What the whole daemon traces, beside what tunnels and sessions say. Default: []. */
  trace?: TraceCategory[];
}

/** What the gateway is. */
export interface GatewayStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** Tunnels by where they come from. */
  tunnels?: {
    /** Declared Tunnels that are established. */
    dialled: number;
    /** Tunnels that peers opened. */
    accepted: number;
  };
  /** Calls by where they come from. */
  sessions?: {
    /** Declared Sessions that are established. */
    dialled: number;
    /** Calls that peers placed. */
    accepted: number;
  };
  /** The RADIUS servers since they were configured. */
  radius?: {
    /** In the order of preference. */
    servers: {
      /** The server's address. */
      address: string;
      /** Whether it answered when it was last asked, or was not asked yet. */
      alive: boolean;
      /** Questions and reports sent, without repetitions. */
      requests: number;
      /** Of these, those that were accepted. */
      accepts: number;
      /** Those that were rejected. */
      rejects: number;
      /** Those without an answer. */
      timeouts: number;
      /** What came from it and was no answer. */
      drops: number;
      /** What last went wrong with it. */
      lastError?: string;
    }[];
    /** Accounting records that wait on disk for a server to take them. */
    spooled: number;
  };
}

/** One prol2tpd: where it listens, what it allows and its limits. Without a Gateway nothing listens and only declared tunnels are dialled. */
export interface Gateway {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** Gateway. */
  kind: 'Gateway';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** What the gateway should be. */
  spec: GatewayFields;
  /** What the gateway is. */
  status?: GatewayStatus;
}

/** Whom it fits and what applies. */
export interface PeerProfileFields {
  /** Whom the profile fits: all that is given must fit. Without it, every peer. */
  match?: {
    /** The name that the peer gives itself; `*` stands for any text, `?` for one character. */
    hostName?: string;
    /** The peer's address: IP addresses or prefixes, one of which must fit. */
    addresses?: string[];
  };
  /** What the peer may be towards us: a `lac` may place calls to us, an `lns` takes ours. Default: both. */
  role?: 'lac' | 'lns' | 'both';
  /** Work-arounds for what the peer does otherwise than the RFC, beside those that are chosen by its vendor name. */
  quirks?: Quirk[];
  /** The TunnelProfile for its tunnels. */
  tunnelProfile?: string;
  /** The SessionProfile for its calls. Its pseudowire says what the peer may bring: ppp, ethernet or vlan. */
  sessionProfile?: string;
  /** The PppProfile for its calls. */
  pppProfile?: string;
  /** The EthernetProfile for the Ethernet pseudowires that it brings us, the same one for all of them: best with bridge and without interfaceName. */
  ethernetProfile?: string;
}

/** What became of the profile. */
export interface PeerProfileStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** How many resources use this one. */
  usedBy?: number;
}

/** Which peers may open tunnels to us, and which profiles apply to them. The longest prefix wins, a host name before an address. When no PeerProfile is declared, every peer fits one named `default`. */
export interface PeerProfile {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** PeerProfile. */
  kind: 'PeerProfile';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** Whom it fits and what applies. */
  spec: PeerProfileFields;
  /** What became of the profile. */
  status?: PeerProfileStatus;
}

/** The PPP values. */
export interface PppProfileFields {
  /** The largest IP packet that we send into the call; the tunnel's mtu bounds it. Default: 1500. */
  mtu?: number;
  /** The largest packet that we tell the peer we take; the tunnel's mtu bounds it. Default: 1500. */
  mru?: number;
  /** Leave out PPP's address and control octets where the peer agrees. Default: false. */
  acfc?: boolean;
  /** Shorten PPP's protocol field to one octet where the peer agrees. Default: false. */
  pfc?: boolean;
  /** Negotiate a magic number, which finds looped links. Default: true. */
  magicNumber?: boolean;
  /** Which ways of authentication are accepted, as the one who asks and as the one who is asked, in this order: eap, mschapv2, chap, mschapv1, pap. */
  auth?: {
    /** PAP: the password in clear text. Default: true. */
    pap?: boolean;
    /** CHAP with MD5. Default: true. */
    chap?: boolean;
    /** MS-CHAP version 1, which is weak. Default: false. */
    mschapv1?: boolean;
    /** MS-CHAP version 2. Default: true. */
    mschapv2?: boolean;
    /** EAP: as server whatever the RADIUS server speaks with the client, or MD5 and MS-CHAPv2 for local subscribers; as client MD5 and MS-CHAPv2. Default: false. */
    eap?: boolean;
    /** As server: let peers in without any authentication. Default: false. */
    none?: boolean;
  };
  /** Whether the peer must authenticate itself to us. Without a value: yes where we take calls (unless auth.none), no where we place them. */
  authenticatePeer?: boolean;
  /** Who knows the users and what they get: `local` (the Subscribers), `radius` (the Gateway's radius), or the name of one of the Gateway's plugins. Default: local. */
  aaa?: string;
  /** Our name in CHAP challenges. Without it the tunnel's hostName. */
  localName?: string;
  /** How often a peer is challenged again while the link is up. 0: never. Default: 0. */
  chapInterval?: number | string;
  /** How many times a challenge is sent before the link is given up. Default: 10. */
  chapMaxChallenge?: number;
  /** How long to wait before a challenge is sent again. Default: 3s. */
  chapRestart?: string;
  /** How many times our PAP request is sent before the link is given up. Default: 10. */
  papMaxRequests?: number;
  /** How long to wait before our PAP request is sent again. Default: 3s. */
  papRestart?: string;
  /** As server: how long to wait for the peer's PAP request. 0: papRestart times papMaxRequests. Default: 0. */
  papTimeout?: number | string;
  /** Counters and timer of LCP. */
  lcp?: {
    /** How many Configure-Requests are sent without an answer. Default: 10. */
    maxConfigRequests?: number;
    /** How many Configure-Naks are sent before options are rejected instead. Default: 10. */
    maxConfigNaks?: number;
    /** How many Terminate-Requests are sent without an answer. Default: 3. */
    maxTerminateRequests?: number;
    /** How long to wait for an answer. Default: 3s. */
    retransmit?: string;
  };
  /** Counters and timer of IPCP and IPV6CP. */
  ipcp?: {
    /** How many Configure-Requests are sent without an answer. Default: 10. */
    maxConfigRequests?: number;
    /** How many Configure-Naks are sent before options are rejected instead. Default: 10. */
    maxConfigNaks?: number;
    /** How many Terminate-Requests are sent without an answer. Default: 3. */
    maxTerminateRequests?: number;
    /** How long to wait for an answer. Default: 3s. */
    retransmit?: string;
  };
  /** Asking the peer whether the link is alive. */
  lcpEcho?: {
    /** How often to ask. 0: never. Default: 0. */
    interval?: number | string;
    /** How many questions may stay unanswered before the link is closed. Default: 5. */
    failures?: number;
  };
  /** How long a call may carry no user packets before it is ended. 0: for ever. Default: 0. */
  idleTimeout?: number | string;
  /** How long a call may last. 0: for ever. Default: 0. */
  maxConnectTime?: number | string;
  /** How often accounting is told of a live call, the first time somewhere in the second half of it. It counts before what RADIUS says (RFC 2869 2.1). 0: as RADIUS says, else the Gateway's radius.interimInterval. Default: 0. */
  interimInterval?: number | string;
  /** How fast a subscriber's packets pass, in bits per second. */
  rateLimit?: RateLimit;
  /** The Gateway's filter that a subscriber's packets must pass. */
  filter?: string;
  /** Lower the segment size that TCP connections name to what fits the call's MTU. Default: true. */
  mssClamp?: boolean;
  /** Encrypt user packets with MPPE (RFC 3078), with keys that MS-CHAP or EAP gave: not at all, where the peer wants it, or always. Default: none. */
  mppe?: 'none' | 'optional' | 'required';
  /** IPv4 on the link. */
  ipv4?: {
    /** Our address. Without it: as server the tunnel's local address, as client what the peer gives. */
    local?: string;
    /** The peer's address. */
    remote?: string;
    /** As server: the AddressPool that the peer's address is taken from. */
    pool?: string;
    /** As server: name servers that are told to the peer. Default: []. */
    dns?: string[];
    /** As server: WINS servers that are told to the peer. Default: []. */
    wins?: string[];
    /** As client: route everything into the call. Default: false. */
    defaultRoute?: boolean;
    /** As server: answer for the peer's address on the networks beside us. Default: false. */
    proxyArp?: boolean;
  };
  /** IPv6 on the link. */
  ipv6?: {
    /** Negotiate IPv6. Default: false. */
    enabled?: boolean;
    /** Our interface identifier: four groups of hexadecimal digits. Without it: random. */
    interfaceId?: string;
    /** As server: the AddressPool of /64 prefixes that the link's own prefix is taken from, which the peer learns by router advertisements. */
    prefixPool?: string;
    /** As server: the AddressPool that prefixes for networks behind the peer are taken from, which it is given by DHCPv6. */
    delegationPool?: string;
    /** As server: name servers that are told to the peer, by router advertisements and DHCPv6. Default: []. */
    dns?: string[];
  };
}

/** What became of the profile. */
export interface PppProfileStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** How many resources use this one. */
  usedBy?: number;
}

/** How PPP is spoken within calls. What a profile leaves open comes from the profile named `default`, then from the built-in values. */
export interface PppProfile {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** PppProfile. */
  kind: 'PppProfile';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** The PPP values. */
  spec: PppProfileFields;
  /** What became of the profile. */
  status?: PppProfileStatus;
}

/** What the server should be. */
export interface PppoeServerFields {
  /** The Ethernet interface, a VLAN's too, at which clients are served. */
  interface: string;
  /** The access concentrator's name. Without it the Gateway's hostName, else the machine's. */
  acName?: string;
  /** The services that clients may ask for. None: any service. Default: []. */
  serviceNames?: string[];
  /** The most clients at one time. 0: no limit. Default: 0. */
  maxSessions?: number;
  /** The SessionProfile for its calls; its forward says where they go on. */
  sessionProfile?: string;
  /** The PppProfile for what is negotiated with its clients before their calls go on. */
  pppProfile?: string;
}

/** What the server is. */
export interface PppoeServerStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** The Ethernet interface. */
  interface?: string;
  /** Clients that are served. */
  sessions?: number;
  /** The access concentrator's name. */
  acName?: string;
}

/** A PPPoE access concentrator on an Ethernet interface (RFC 2516). The calls of its clients go on in the tunnels that its SessionProfile's forward chooses. */
export interface PppoeServer {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** PppoeServer. */
  kind: 'PppoeServer';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** What the server should be. */
  spec: PppoeServerFields;
  /** What the server is. */
  status?: PppoeServerStatus;
}

/** Kubernetes' own Secret, accepted in files too so that the same documents work in both places. */
export interface Secret {
  /** v1: Kubernetes' core. */
  apiVersion: 'v1';
  /** Secret. */
  kind: 'Secret';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** Kubernetes' type of the Secret. Not used. */
  type?: string;
  /** Kubernetes' mark that the Secret never changes. Not used. */
  immutable?: boolean;
  /** The values, in base64, by key. */
  data?: Record<string, string>;
  /** The values as plain text, by key; they win over data. */
  stringData?: Record<string, string>;
}

/** The call that should be. */
export interface SessionFields {
  /** The Tunnel that carries the call. */
  tunnel: string;
  /** The SessionProfile that gives what is not said here. */
  profile?: string;
  /** What we are in the call. Of a declared Session, lacIncoming (we are the LAC and tell the LNS of an incoming call) and lnsOutgoing (we are the LNS and ask the LAC to place a call) are placed by us; lnsIncoming and lacOutgoing wait in their tunnel for the peer's call and give it the Session's name, interface and PPP values, where its numbers are those that the Session gives. As LNS (lns...) we are PPP's server and give the addresses, as LAC its client. In a PeerProfile's SessionProfile, lacOutgoing lets the peer ask us for outgoing calls. Default: lacIncoming. */
  type?: 'lacIncoming' | 'lacOutgoing' | 'lnsIncoming' | 'lnsOutgoing';
  /** What the call carries. All but ppp need L2TPv3. Default: ppp. */
  pseudowire?: Pseudowire;
  /** L2TPv3: how many octets of a random cookie the peer has to put into data messages: 0, 4 or 8. Default: 8. */
  cookieLength?: 0 | 4 | 8;
  /** L2TPv3: what the peer has to put behind the cookie. default: the Default L2-Specific Sublayer (RFC 3931 4.6), for ATM its own (RFC 4454). Default: none. */
  l2SpecificSublayer?: 'none' | 'default';
  /** L2TPv3: which data messages the peer has to number. It needs l2SpecificSublayer: default. Default: none. */
  dataSequencing?: 'none' | 'nonIp' | 'all';
  /** Tell the peer that data messages must always carry sequence numbers. Default: false. */
  sequencingRequired?: boolean;
  /** Send sequence numbers in data messages. Default: false. */
  useSequenceNumbers?: boolean;
  /** How long a data message that came too early waits for those before it. 0: it passes at once, and what comes late is dropped. Default: 0. */
  reorderTimeout?: number | string;
  /** The customer group that the call belongs to. */
  privateGroupId?: string;
  /** The PPP framing that is told to the peer. Default: ["sync"]. */
  framingType?: ('sync' | 'async')[];
  /** The bearer that is told to the peer. Default: ["digital","analog"]. */
  bearerType?: ('digital' | 'analog')[];
  /** The line speed that is told to the peer, in bits per second. */
  connectSpeed?: {
    /** From us to the subscriber. Default: 1000000. */
    tx?: number;
    /** From the subscriber to us. Without it the same as tx. */
    rx?: number;
  };
  /** lnsOutgoing: the least line speed that the call may have. Default: 0. */
  minimumBps?: number;
  /** lnsOutgoing: the greatest line speed that the call may have. 0: whatever there is. Default: 0. */
  maximumBps?: number;
  /** As LAC, of calls that go on in another tunnel: run LCP and authentication with the client and hand them over to the LNS. Default: false. */
  usePppProxy?: boolean;
  /** The DSCP of our data messages, which the peer is told too (RFC 3308). 0: none. Default: 0. */
  dscp?: number;
  /** Which calls go on in other tunnels instead of being terminated here. It is taken whole from the nearest that gives it. */
  forward?: Forward;
  /** The PppProfile for these calls. */
  pppProfile?: string;
  /** The EthernetProfile for these Ethernet pseudowires. */
  ethernetProfile?: string;
  /** What an HDLC, Frame Relay or ATM pseudowire is attached to: a program behind a socket. */
  circuit?: Circuit;
  /** What is traced of these calls. Default: []. */
  trace?: TraceCategory[];
  /** The name of the network interface. Without it the EthernetProfile's, else the data plane chooses one. */
  interfaceName?: string;
  /** The name to log in with when the peer asks. */
  userName?: string;
  /** The Secret that holds the password. */
  passwordRef?: SecretRef;
  /** The file that holds the password, relative to this document's directory. One newline at its end does not count. */
  passwordFile?: string;
  /** The caller's number that is told to the peer; of an awaited call, the one that it must have. */
  callingNumber?: string;
  /** The called number that is told to the peer; of an awaited call, the one that it must have. lnsOutgoing needs it. */
  calledNumber?: string;
  /** The sub-address that is told to the peer; of an awaited call, the one that it must have. */
  subAddress?: string;
  /** L2TPv3: names the circuit to both ends alike (RFC 3931 5.4.4). Text, `0x` and hexadecimal digits for octets, or a number for four octets. Without it the Session's name, of PPP calls with our host name before it; of an awaited call, the one that it must have. */
  remoteEndId?: number | string;
  /** What both ends were told, crosswise: in a static Tunnel, or in one of L2TPv3, whose control connection tells nothing of it. */
  static?: {
    /** Our id of the session, which no other session of ours has. */
    localSessionId: number;
    /** The peer's id of the session. */
    remoteSessionId: number;
    /** What data messages from the peer must hold. Without it: none. */
    localCookie?: string;
    /** What data messages to the peer hold. Without it: none. */
    remoteCookie?: string;
  };
  /** lacIncoming: how the client that we speak for has authenticated itself, for the LNS to go on with (RFC 2661 4.4.5). */
  proxyAuth?: {
    /** How it has. text: by a dialogue; none: not at all. */
    type: 'none' | 'text' | 'chap' | 'pap';
    /** Who the client says it is. */
    name?: string;
    /** The identifier of the CHAP challenge or the PAP request. */
    id?: number;
    /** The CHAP challenge. */
    challenge?: string;
    /** The Secret that holds the response: a password, or with chap its octets in hexadecimal. */
    responseRef?: SecretRef;
    /** The file that holds the response, relative to this document's directory: a password, or with chap its octets in hexadecimal. One newline at its end does not count. */
    responseFile?: string;
  };
  /** lacIncoming: what the client that we speak for has negotiated, for the LNS to go on with (RFC 2661 4.4.5). LCP options, without the LCP header. */
  proxyLcp?: {
    /** The options of the first Configure-Request that came from the client. */
    initialReceived?: string;
    /** The options of the last Configure-Request that was sent to the client. */
    lastSent?: string;
    /** The options of the last Configure-Request that came from the client. */
    lastReceived?: string;
  };
}

/** What the session is. */
export interface SessionStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** What we are in the call. */
  type?: string;
  /** Our session id. */
  localId?: number;
  /** The peer's session id. */
  remoteId?: number;
  /** What the call carries. */
  pseudowire?: string;
  /** The network interface, or the socket of the circuit. */
  interface?: string;
  /** The circuits at both ends, as they are told to each other. */
  circuit?: {
    /** At our end. */
    local: {
      /** Whether it can carry data. */
      active: boolean;
      /** Whether it stands by for another. */
      standby?: boolean;
      /** What is wrong there: circuitRx, circuitTx, pseudowireRx, pseudowireTx (RFC 5641). */
      faults?: string[];
    };
    /** At the peer's end. */
    peer: {
      /** Whether it can carry data. */
      active: boolean;
      /** Whether it stands by for another. */
      standby?: boolean;
      /** What is wrong there: circuitRx, circuitTx, pseudowireRx, pseudowireTx (RFC 5641). */
      faults?: string[];
    };
  };
  /** The call that this one goes on in, or comes from. */
  switchedWith?: string;
  /** What the peer told of the call. */
  call?: {
    /** The AVP, like callingNumber. */
    name: string;
    /** What the RFC calls it. */
    label: string;
    /** Its value, for people. What is secret is not in it. */
    text: string;
  }[];
  /** PPP on the call. */
  ppp?: {
    /** PPP's phase: dead, establish, authenticate, network or terminate. */
    phase?: string;
    /** Who logged in. */
    user?: string;
    /** Our IPv4 address. */
    localAddress?: string;
    /** The peer's IPv4 address. */
    remoteAddress?: string;
    /** Name servers that the peer told us. */
    dns?: string[];
    /** IPv6 on the link. */
    ipv6?: {
      /** Our interface identifier. */
      localInterfaceId: string;
      /** The peer's interface identifier. */
      remoteInterfaceId: string;
      /** The link's own prefix. */
      prefix?: string;
      /** The prefix for the network behind the peer. */
      delegated?: string;
    };
    /** The largest packet that the peer takes. */
    mru?: number;
    /** How we logged in, or the peer did. */
    auth?: string;
    /** What was taken over from the LAC: lcp, or lcpAndAuth. */
    proxy?: string;
    /** What the call is held to, where there is any limit. */
    limits?: {
      /** How long it may carry no user packets. */
      idleTimeout?: string;
      /** How long it may last. */
      sessionTimeout?: string;
      /** Bits per second of user packets. 0: no limit. */
      rateLimit?: {
        /** From us to the subscriber. */
        tx: number;
        /** From the subscriber to us. */
        rx: number;
      };
      /** The Gateway's filter. */
      filter?: string;
    };
    /** Why addresses could not be given, or why the link last failed. */
    failure?: string;
  };
  /** User traffic. */
  counters?: {
    /** Packets received. */
    rxPackets?: number;
    /** Octets received. */
    rxOctets?: number;
    /** Packets sent. */
    txPackets?: number;
    /** Octets sent. */
    txOctets?: number;
    /** Received packets that were dropped. */
    rxDropped?: number;
    /** Packets to send that were dropped. */
    txDropped?: number;
    /** Data messages that came late or twice. */
    rxOutOfOrder?: number;
    /** Data messages that came too early and were put back into their place. */
    rxReordered?: number;
    /** Data messages that never came. */
    rxLost?: number;
  };
  /** When it was established. */
  since?: string;
  /** Why it last failed or was closed. */
  lastError?: LastError;
  /** How many times it was dialled without success since it last worked. */
  retries?: number;
  /** When it is dialled again. */
  nextRetry?: string;
}

/** A call in a declared Tunnel, placed by us or awaited from the peer. Every field of a SessionProfile may stand here too and wins over the profile. */
export interface Session {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** Session. */
  kind: 'Session';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** The call that should be. */
  spec: SessionFields;
  /** What the session is. */
  status?: SessionStatus;
}

/** The call's values. */
export interface SessionProfileFields {
  /** What we are in the call. Of a declared Session, lacIncoming (we are the LAC and tell the LNS of an incoming call) and lnsOutgoing (we are the LNS and ask the LAC to place a call) are placed by us; lnsIncoming and lacOutgoing wait in their tunnel for the peer's call and give it the Session's name, interface and PPP values, where its numbers are those that the Session gives. As LNS (lns...) we are PPP's server and give the addresses, as LAC its client. In a PeerProfile's SessionProfile, lacOutgoing lets the peer ask us for outgoing calls. Default: lacIncoming. */
  type?: 'lacIncoming' | 'lacOutgoing' | 'lnsIncoming' | 'lnsOutgoing';
  /** What the call carries. All but ppp need L2TPv3. Default: ppp. */
  pseudowire?: Pseudowire;
  /** L2TPv3: how many octets of a random cookie the peer has to put into data messages: 0, 4 or 8. Default: 8. */
  cookieLength?: 0 | 4 | 8;
  /** L2TPv3: what the peer has to put behind the cookie. default: the Default L2-Specific Sublayer (RFC 3931 4.6), for ATM its own (RFC 4454). Default: none. */
  l2SpecificSublayer?: 'none' | 'default';
  /** L2TPv3: which data messages the peer has to number. It needs l2SpecificSublayer: default. Default: none. */
  dataSequencing?: 'none' | 'nonIp' | 'all';
  /** Tell the peer that data messages must always carry sequence numbers. Default: false. */
  sequencingRequired?: boolean;
  /** Send sequence numbers in data messages. Default: false. */
  useSequenceNumbers?: boolean;
  /** How long a data message that came too early waits for those before it. 0: it passes at once, and what comes late is dropped. Default: 0. */
  reorderTimeout?: number | string;
  /** The customer group that the call belongs to. */
  privateGroupId?: string;
  /** The PPP framing that is told to the peer. Default: ["sync"]. */
  framingType?: ('sync' | 'async')[];
  /** The bearer that is told to the peer. Default: ["digital","analog"]. */
  bearerType?: ('digital' | 'analog')[];
  /** The line speed that is told to the peer, in bits per second. */
  connectSpeed?: {
    /** From us to the subscriber. Default: 1000000. */
    tx?: number;
    /** From the subscriber to us. Without it the same as tx. */
    rx?: number;
  };
  /** lnsOutgoing: the least line speed that the call may have. Default: 0. */
  minimumBps?: number;
  /** lnsOutgoing: the greatest line speed that the call may have. 0: whatever there is. Default: 0. */
  maximumBps?: number;
  /** As LAC, of calls that go on in another tunnel: run LCP and authentication with the client and hand them over to the LNS. Default: false. */
  usePppProxy?: boolean;
  /** The DSCP of our data messages, which the peer is told too (RFC 3308). 0: none. Default: 0. */
  dscp?: number;
  /** Which calls go on in other tunnels instead of being terminated here. It is taken whole from the nearest that gives it. */
  forward?: Forward;
  /** The PppProfile for these calls. */
  pppProfile?: string;
  /** The EthernetProfile for these Ethernet pseudowires. */
  ethernetProfile?: string;
  /** What an HDLC, Frame Relay or ATM pseudowire is attached to: a program behind a socket. */
  circuit?: Circuit;
  /** What is traced of these calls. Default: []. */
  trace?: TraceCategory[];
}

/** What became of the profile. */
export interface SessionProfileStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** How many resources use this one. */
  usedBy?: number;
}

/** How calls are placed and taken. What a Session or its profile leaves open comes from the profile named `default`, then from the built-in values. */
export interface SessionProfile {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** SessionProfile. */
  kind: 'SessionProfile';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** The call's values. */
  spec: SessionProfileFields;
  /** What became of the profile. */
  status?: SessionProfileStatus;
}

/** Who it is and what the user gets. */
export interface SubscriberFields {
  /** The name that the user logs in with. */
  userName: string;
  /** The Secret that holds the password. */
  passwordRef?: SecretRef;
  /** The file that holds the password, relative to this document's directory. One newline at its end does not count. */
  passwordFile?: string;
  /** The user's fixed address. Without it one from the pool. */
  ipv4?: string;
  /** The fixed prefix of the user's link. Without it one from the PppProfile's ipv6.prefixPool. */
  ipv6Prefix?: string;
  /** The fixed prefix that is delegated to the user's network (RFC 8415 6.3). Without it one from the PppProfile's ipv6.delegationPool. */
  delegatedPrefix?: string;
  /** Networks behind the user: addresses or prefixes of IPv4 and IPv6, which are routed into the call. */
  routes?: string[];
  /** How fast the user's packets pass, in bits per second, instead of what the PppProfile says in both directions. */
  rateLimit?: RateLimit;
  /** The Gateway's filter that the user's packets must pass, instead of the PppProfile's. */
  filter?: string;
  /** How many calls the user may have at one time. 0: no limit. Default: 0. */
  sessionLimit?: number;
}

/** What became of the subscriber. */
export interface SubscriberStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
}

/** A user who may log in over PPP. */
export interface Subscriber {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** Subscriber. */
  kind: 'Subscriber';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** Who it is and what the user gets. */
  spec: SubscriberFields;
  /** What became of the subscriber. */
  status?: SubscriberStatus;
}

/** The tunnel that should be. */
export interface TunnelFields {
  /** The TunnelProfile that gives what is not said here. */
  profile?: string;
  /** Dial again, for ever, when the tunnel or one of its calls ends. Static ones always do. Default: false. */
  persist?: boolean;
  /** A tunnel without a control connection: the ids that both ends were told. Its Sessions are static too. */
  static?: {
    /** Our id of the tunnel. */
    localTunnelId: number;
    /** The peer's id of the tunnel. */
    remoteTunnelId: number;
  };
  /** The version of L2TP. auto: whichever the peer can, L2TPv3 first. Without a value: auto in tunnels that peers open, v2 in those that we dial, v3 in static ones. */
  version?: 'auto' | 'v2' | 'v3';
  /** What a dialled tunnel runs over: UDP, or IP itself as protocol 115, which only L2TPv3 can. Default: udp. */
  encapsulation?: Encapsulation;
  /** The peer's IP address or DNS name. */
  remoteAddress?: string;
  /** The peer's UDP port. Default: 1701. */
  remotePort?: number;
  /** Our address. Without it the system's route to the peer decides. */
  localAddress?: string;
  /** Our UDP port. 0: any free one. Default: 0. */
  localPort?: number;
  /** Our name towards the peer. Without it the Gateway's, else the machine's. */
  hostName?: string;
  /** The Secret that holds the tunnel's shared secret. */
  secretRef?: SecretRef;
  /** The file that holds the tunnel's shared secret, relative to this document's directory. One newline at its end does not count. */
  secretFile?: string;
  /** L2TPv3: the Secret that holds a second shared secret, which counts beside the first while it is being changed. */
  secondSecretRef?: SecretRef;
  /** L2TPv3: the file that holds a second shared secret, relative to this document's directory. One newline at its end does not count. */
  secondSecretFile?: string;
  /** L2TPv2, where L2TPv3 has digest. none: no challenge of ours; simple: the peer must fit a PeerProfile that names it; challenge: that too, and it must prove that it knows the secret; a peer that opens a tunnel to us must challenge us as well. A Tunnel names its peer itself. The peer's own challenge is answered wherever there is a secret. Without a value: challenge where there is a secret, else none. */
  authMode?: 'none' | 'simple' | 'challenge';
  /** L2TPv3: the digest by which every control message proves that its sender knows the shared secret; without a secret it only shows that the message is whole. none: no digest is sent or asked for. Default: hmac-md5. */
  digest?: 'none' | 'hmac-md5' | 'hmac-sha1';
  /** Hide the AVPs that may be hidden, with the shared secret. Default: false. */
  hideAvps?: boolean;
  /** When both sides dial at once, keep one tunnel. Default: true. */
  useTieBreaker?: boolean;
  /** The PPP framings that we say we can do. Default: ["sync","async"]. */
  framingCapabilities?: ('sync' | 'async')[];
  /** The bearers that we say we can do. Default: ["digital","analog"]. */
  bearerCapabilities?: ('digital' | 'analog')[];
  /** How long a tunnel may be silent before a HELLO asks whether the peer is alive. 0: never. Default: 60s. */
  helloInterval?: number | string;
  /** How many times a control message is sent again before the tunnel is given up. Default: 5. */
  maxRetries?: number;
  /** How long to wait for an acknowledgement the first time; it doubles up to 8 seconds. Default: 1s. */
  retryTimeout?: string;
  /** How many control messages the peer may send without an acknowledgement. Default: 10. */
  receiveWindow?: number;
  /** The most control messages that we send without an acknowledgement, whatever the peer allows. Default: 10. */
  transmitWindow?: number;
  /** The most calls in one tunnel. 0: no limit. Default: 0. */
  maxSessions?: number;
  /** How long a tunnel without a call stays. A dialled tunnel that persists is not closed for it. 0: for ever. Default: 0. */
  idleTimeout?: number | string;
  /** As LNS: go on with the LCP and the authentication that the LAC hands over, where our profile allows what they came to. Otherwise they begin anew. Default: false. */
  allowPppProxy?: boolean;
  /** The DSCP of our control messages, which the peer is told too (RFC 3308). 0: none. Default: 0. */
  controlDscp?: number;
  /** Of dialled tunnels: forbid fragments, and follow the path's MTU. Default: false. */
  pmtuDiscovery?: boolean;
  /** The largest IP packet that PPP calls carry, where their PppProfile does not say a smaller one. Default: 1460. */
  mtu?: number;
  /** For tunnels that peers open: the network interface that their subscribers share. Default: l2tp0. */
  interfaceName?: string;
  /** What is traced of these tunnels and their calls. Default: []. */
  trace?: TraceCategory[];
  /** The PeerProfile whose profiles apply to a dialled tunnel. Without it, the one that fits the peer's address. */
  peerProfile?: string;
  /** The SessionProfile for this tunnel's calls. */
  sessionProfile?: string;
  /** The PppProfile for this tunnel's calls. */
  pppProfile?: string;
  /** The EthernetProfile for this tunnel's Ethernet pseudowires. */
  ethernetProfile?: string;
}

/** What the tunnel is. */
export interface TunnelStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** Our tunnel id. */
  localId?: number;
  /** The peer's tunnel id. */
  remoteId?: number;
  /** The other side. */
  peer?: {
    /** The name that the peer gives itself. */
    hostName?: string;
    /** The peer's make. */
    vendorName?: string;
    /** The peer's address. */
    address?: string;
    /** The peer's UDP port; 0 over IP. */
    port?: number;
  };
  /** L2TP's version. */
  version?: number;
  /** What the tunnel runs over: udp or ip. */
  encapsulation?: string;
  /** What carries user packets. */
  dataPlane?: string;
  /** Work-arounds that are in force for this peer. */
  quirks?: string[];
  /** The tunnel's calls. */
  sessions?: {
    /** Calls that are up. */
    established: number;
    /** Calls in any state. */
    total: number;
  };
  /** Control messages that were dropped because their digest was missing or wrong. */
  digestFailures?: number;
  /** When it was established. */
  since?: string;
  /** Why it last failed or was closed. */
  lastError?: LastError;
  /** How many times it was dialled without success since it last worked. */
  retries?: number;
  /** When it is dialled again. */
  nextRetry?: string;
}

/** A tunnel that we dial. Every field of a TunnelProfile may stand here too and wins over the profile. */
export interface Tunnel {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** Tunnel. */
  kind: 'Tunnel';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** The tunnel that should be. */
  spec: TunnelFields;
  /** What the tunnel is. */
  status?: TunnelStatus;
}

/** The tunnel's values. */
export interface TunnelProfileFields {
  /** The version of L2TP. auto: whichever the peer can, L2TPv3 first. Without a value: auto in tunnels that peers open, v2 in those that we dial, v3 in static ones. */
  version?: 'auto' | 'v2' | 'v3';
  /** What a dialled tunnel runs over: UDP, or IP itself as protocol 115, which only L2TPv3 can. Default: udp. */
  encapsulation?: Encapsulation;
  /** The peer's IP address or DNS name. */
  remoteAddress?: string;
  /** The peer's UDP port. Default: 1701. */
  remotePort?: number;
  /** Our address. Without it the system's route to the peer decides. */
  localAddress?: string;
  /** Our UDP port. 0: any free one. Default: 0. */
  localPort?: number;
  /** Our name towards the peer. Without it the Gateway's, else the machine's. */
  hostName?: string;
  /** The Secret that holds the tunnel's shared secret. */
  secretRef?: SecretRef;
  /** The file that holds the tunnel's shared secret, relative to this document's directory. One newline at its end does not count. */
  secretFile?: string;
  /** L2TPv3: the Secret that holds a second shared secret, which counts beside the first while it is being changed. */
  secondSecretRef?: SecretRef;
  /** L2TPv3: the file that holds a second shared secret, relative to this document's directory. One newline at its end does not count. */
  secondSecretFile?: string;
  /** L2TPv2, where L2TPv3 has digest. none: no challenge of ours; simple: the peer must fit a PeerProfile that names it; challenge: that too, and it must prove that it knows the secret; a peer that opens a tunnel to us must challenge us as well. A Tunnel names its peer itself. The peer's own challenge is answered wherever there is a secret. Without a value: challenge where there is a secret, else none. */
  authMode?: 'none' | 'simple' | 'challenge';
  /** L2TPv3: the digest by which every control message proves that its sender knows the shared secret; without a secret it only shows that the message is whole. none: no digest is sent or asked for. Default: hmac-md5. */
  digest?: 'none' | 'hmac-md5' | 'hmac-sha1';
  /** Hide the AVPs that may be hidden, with the shared secret. Default: false. */
  hideAvps?: boolean;
  /** When both sides dial at once, keep one tunnel. Default: true. */
  useTieBreaker?: boolean;
  /** The PPP framings that we say we can do. Default: ["sync","async"]. */
  framingCapabilities?: ('sync' | 'async')[];
  /** The bearers that we say we can do. Default: ["digital","analog"]. */
  bearerCapabilities?: ('digital' | 'analog')[];
  /** How long a tunnel may be silent before a HELLO asks whether the peer is alive. 0: never. Default: 60s. */
  helloInterval?: number | string;
  /** How many times a control message is sent again before the tunnel is given up. Default: 5. */
  maxRetries?: number;
  /** How long to wait for an acknowledgement the first time; it doubles up to 8 seconds. Default: 1s. */
  retryTimeout?: string;
  /** How many control messages the peer may send without an acknowledgement. Default: 10. */
  receiveWindow?: number;
  /** The most control messages that we send without an acknowledgement, whatever the peer allows. Default: 10. */
  transmitWindow?: number;
  /** The most calls in one tunnel. 0: no limit. Default: 0. */
  maxSessions?: number;
  /** How long a tunnel without a call stays. A dialled tunnel that persists is not closed for it. 0: for ever. Default: 0. */
  idleTimeout?: number | string;
  /** As LNS: go on with the LCP and the authentication that the LAC hands over, where our profile allows what they came to. Otherwise they begin anew. Default: false. */
  allowPppProxy?: boolean;
  /** The DSCP of our control messages, which the peer is told too (RFC 3308). 0: none. Default: 0. */
  controlDscp?: number;
  /** Of dialled tunnels: forbid fragments, and follow the path's MTU. Default: false. */
  pmtuDiscovery?: boolean;
  /** The largest IP packet that PPP calls carry, where their PppProfile does not say a smaller one. Default: 1460. */
  mtu?: number;
  /** For tunnels that peers open: the network interface that their subscribers share. Default: l2tp0. */
  interfaceName?: string;
  /** What is traced of these tunnels and their calls. Default: []. */
  trace?: TraceCategory[];
  /** The PeerProfile whose profiles apply to a dialled tunnel. Without it, the one that fits the peer's address. */
  peerProfile?: string;
  /** The SessionProfile for this tunnel's calls. */
  sessionProfile?: string;
  /** The PppProfile for this tunnel's calls. */
  pppProfile?: string;
  /** The EthernetProfile for this tunnel's Ethernet pseudowires. */
  ethernetProfile?: string;
}

/** What became of the profile. */
export interface TunnelProfileStatus {
  /** The generation of the resource that this status describes. */
  observedGeneration?: number;
  /** What holds for the resource now, for operators and for `kubectl wait`. */
  conditions?: Condition[];
  /** How many resources use this one. */
  usedBy?: number;
}

/** How to speak with peers over a tunnel. What a Tunnel or its profile leaves open comes from the profile named `default`, then from the built-in values. */
export interface TunnelProfile {
  /** The version of this resource's form. */
  apiVersion: 'prol2tp.io/v1alpha1';
  /** TunnelProfile. */
  kind: 'TunnelProfile';
  /** The resource's identity, as in Kubernetes. Other fields of Kubernetes' own are accepted and not used. */
  metadata: Metadata;
  /** The tunnel's values. */
  spec: TunnelProfileFields;
  /** What became of the profile. */
  status?: TunnelProfileStatus;
}

/** Every kind that may be declared, by its name. */
export interface Kinds {
  AddressPool: AddressPool;
  EthernetProfile: EthernetProfile;
  Gateway: Gateway;
  PeerProfile: PeerProfile;
  PppProfile: PppProfile;
  PppoeServer: PppoeServer;
  Secret: Secret;
  Session: Session;
  SessionProfile: SessionProfile;
  Subscriber: Subscriber;
  Tunnel: Tunnel;
  TunnelProfile: TunnelProfile;
}

/** The values that apply where nobody declares another, as the schemas give them. */
export const builtIn = {
  AddressPool: {
    exclude: [],
    ipv6: {
      delegationLength: 64,
      exclude: [],
    },
  },
  EthernetProfile: {
    addresses: [],
  },
  Gateway: {
    acceptTunnels: true,
    allowLocalTunnels: true,
    drain: false,
    maxTunnels: 0,
    maxSessions: 0,
    tunnelEstablishTimeout: '120s',
    sessionEstablishTimeout: '120s',
    tunnelPersistPendTimeout: '300s',
    sessionPersistPendTimeout: '60s',
    requestRateLimit: {
      perPeer: 0,
      total: 0,
    },
    vendorName: 'prol2tp',
    hooks: {
      tunnelUp: {
        timeout: '10s',
      },
      tunnelDown: {
        timeout: '10s',
      },
      sessionUp: {
        timeout: '10s',
      },
      sessionDown: {
        timeout: '10s',
      },
    },
    radius: {
      interimInterval: 0,
      deadTime: '60s',
    },
    metrics: {
      address: '127.0.0.1',
      port: 9701,
    },
    trace: [],
  },
  PeerProfile: {
    role: 'both',
  },
  PppProfile: {
    mtu: 1500,
    mru: 1500,
    acfc: false,
    pfc: false,
    magicNumber: true,
    auth: {
      pap: true,
      chap: true,
      mschapv1: false,
      mschapv2: true,
      eap: false,
      none: false,
    },
    aaa: 'local',
    chapInterval: 0,
    chapMaxChallenge: 10,
    chapRestart: '3s',
    papMaxRequests: 10,
    papRestart: '3s',
    papTimeout: 0,
    lcp: {
      maxConfigRequests: 10,
      maxConfigNaks: 10,
      maxTerminateRequests: 3,
      retransmit: '3s',
    },
    ipcp: {
      maxConfigRequests: 10,
      maxConfigNaks: 10,
      maxTerminateRequests: 3,
      retransmit: '3s',
    },
    lcpEcho: {
      interval: 0,
      failures: 5,
    },
    idleTimeout: 0,
    maxConnectTime: 0,
    interimInterval: 0,
    rateLimit: {
      tx: 0,
      rx: 0,
    },
    mssClamp: true,
    mppe: 'none',
    ipv4: {
      dns: [],
      wins: [],
      defaultRoute: false,
      proxyArp: false,
    },
    ipv6: {
      enabled: false,
      dns: [],
    },
  },
  PppoeServer: {
    serviceNames: [],
    maxSessions: 0,
  },
  Secret: {},
  Session: {
    type: 'lacIncoming',
    pseudowire: 'ppp',
    cookieLength: 8,
    l2SpecificSublayer: 'none',
    dataSequencing: 'none',
    sequencingRequired: false,
    useSequenceNumbers: false,
    reorderTimeout: 0,
    framingType: ['sync'],
    bearerType: ['digital', 'analog'],
    connectSpeed: {
      tx: 1000000,
    },
    minimumBps: 0,
    maximumBps: 0,
    usePppProxy: false,
    dscp: 0,
    circuit: {
      maxCells: 1,
    },
    trace: [],
  },
  SessionProfile: {
    type: 'lacIncoming',
    pseudowire: 'ppp',
    cookieLength: 8,
    l2SpecificSublayer: 'none',
    dataSequencing: 'none',
    sequencingRequired: false,
    useSequenceNumbers: false,
    reorderTimeout: 0,
    framingType: ['sync'],
    bearerType: ['digital', 'analog'],
    connectSpeed: {
      tx: 1000000,
    },
    minimumBps: 0,
    maximumBps: 0,
    usePppProxy: false,
    dscp: 0,
    circuit: {
      maxCells: 1,
    },
    trace: [],
  },
  Subscriber: {
    rateLimit: {
      tx: 0,
      rx: 0,
    },
    sessionLimit: 0,
  },
  Tunnel: {
    persist: false,
    encapsulation: 'udp',
    remotePort: 1701,
    localPort: 0,
    digest: 'hmac-md5',
    hideAvps: false,
    useTieBreaker: true,
    framingCapabilities: ['sync', 'async'],
    bearerCapabilities: ['digital', 'analog'],
    helloInterval: '60s',
    maxRetries: 5,
    retryTimeout: '1s',
    receiveWindow: 10,
    transmitWindow: 10,
    maxSessions: 0,
    idleTimeout: 0,
    allowPppProxy: false,
    controlDscp: 0,
    pmtuDiscovery: false,
    mtu: 1460,
    interfaceName: 'l2tp0',
    trace: [],
  },
  TunnelProfile: {
    encapsulation: 'udp',
    remotePort: 1701,
    localPort: 0,
    digest: 'hmac-md5',
    hideAvps: false,
    useTieBreaker: true,
    framingCapabilities: ['sync', 'async'],
    bearerCapabilities: ['digital', 'analog'],
    helloInterval: '60s',
    maxRetries: 5,
    retryTimeout: '1s',
    receiveWindow: 10,
    transmitWindow: 10,
    maxSessions: 0,
    idleTimeout: 0,
    allowPppProxy: false,
    controlDscp: 0,
    pmtuDiscovery: false,
    mtu: 1460,
    interfaceName: 'l2tp0',
    trace: [],
  },
} as const;
