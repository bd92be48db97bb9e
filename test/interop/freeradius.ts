import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../netns/lab.ts';
import type { Process } from '../netns/process.ts';
import { type Noted, readDetail } from './detail.ts';

/** Attributes by the names of freeradius's dictionary. A tag stands behind a colon: `Tunnel-Type:1`. */
export type Attributes = Readonly<Record<string, string | readonly string[]>>;

export interface FreeradiusUser {
  /** Absent: whoever has the name is let in. */
  password?: string;
  /** What is told with the Access-Accept. */
  reply?: Attributes;
}

export interface FreeradiusOptions {
  /** Where it listens, ports 1812 and 1813: an address of its namespace. */
  address: string;
  /** What it shares with every client. */
  secret: string;
  users: Readonly<Record<string, FreeradiusUser>>;
  /** Which EAP method it proposes first. */
  eap?: 'md5' | 'mschapv2';
  /** Takes requests without Message-Authenticator too: l2tpns sends none. */
  lenient?: boolean;
  /** For benches: says next to nothing and keeps no notes of access requests. */
  quiet?: boolean;
}

/** A running freeradius. */
export interface Freeradius {
  process: Process;
  /** The accounting requests that it has taken, the first one first; also those of its predecessors at this address. */
  accounting(): Promise<Noted[]>;
  /** The access requests, likewise. */
  access(): Promise<Noted[]>;
}

/**
 * Starts freeradius with a configuration of its own; resolves when it answers. Several may run side by side in a
 * namespace, each at its own address. One that is started again at an address goes on with the files of its predecessor.
 */
export async function startFreeradius(namespace: Namespace, options: FreeradiusOptions): Promise<Freeradius> {
  const directory = join(
    namespace.lab.directory,
    `${namespace.name}-freeradius-${options.address.replaceAll(':', '-')}`,
  );
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'radiusd.conf'), configuration(directory, options), { mode: 0o600 });
  await writeFile(join(directory, 'users'), usersFile(options.users), { mode: 0o600 });
  await writeFile(
    join(directory, 'rejects'),
    `DEFAULT\n${rejectMayHave.map((name) => `\t${name} =* ANY`).join(',\n')}\n`,
  );
  const debug = options.quiet ? [] : ['-xx'];
  const process = namespace.spawn('freeradius', ['-f', '-l', 'stdout', ...debug, '-d', directory]);
  await process.says(/Ready to process requests/);
  return {
    process,
    accounting: () => readDetail(join(directory, 'accounting')),
    access: () => readDetail(join(directory, 'access')),
  };
}

/** What an Access-Reject may have (RFC 2865 5.44, 2548 2.1.5, 2869 5.19); the user's attributes are for an Access-Accept. */
const rejectMayHave = [
  'EAP-Message',
  'State',
  'Message-Authenticator',
  'Reply-Message',
  'MS-CHAP-Error',
  'Error-Cause',
];

/** Lines of `NAME = "VALUE"`. */
function attributeLines(attributes: Attributes): string[] {
  return Object.entries(attributes).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map(
      (text, i) => `${name} ${i === 0 ? '=' : '+='} "${text.replaceAll('"', '\\"')}"`,
    ),
  );
}

/** As in users(5): what is checked behind the name, what is told in the lines below. */
function usersFile(users: FreeradiusOptions['users']): string {
  const entries = Object.entries(users).map(([name, { password, reply = {} }]) => {
    const check = password === undefined ? 'Auth-Type := Accept' : `Cleartext-Password := "${password}"`;
    return `"${name}" ${check}\n${attributeLines(reply)
      .map((line) => `\t${line}`)
      .join(',\n')}\n`;
  });
  return entries.join('\n');
}

/**
 * A whole radiusd.conf(5). Version 3.2.1 puts a Message-Authenticator into its answers to EAP only, unless told; from
 * clients it demands one in every request.
 */
const configuration = (
  directory: string,
  { address, secret, eap = 'md5', quiet = false, lenient = false }: FreeradiusOptions,
) => `
name = freeradius
confdir = ${directory}
logdir = ${directory}
run_dir = ${directory}
db_dir = ${directory}
libdir = /usr/lib/freeradius
pidfile = ${directory}/pid
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
proxy_requests = no
log {
  destination = stdout
  auth = ${quiet ? 'no' : 'yes'}
}
security {
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}
thread pool {
  start_servers = 2
  max_servers = 8
  min_spare_servers = 1
  max_spare_servers = 3
  max_requests_per_server = 0
}
client everybody {
  ipaddr = 0.0.0.0/0
  secret = "${secret}"
  require_message_authenticator = ${lenient ? 'no' : 'yes'}
}
client everybody6 {
  ipv6addr = ::/0
  secret = "${secret}"
  require_message_authenticator = ${lenient ? 'no' : 'yes'}
}
modules {
  pap {
  }
  chap {
  }
  mschap {
    use_mppe = yes
  }
  eap {
    default_eap_type = ${eap}
    timer_expire = 60
    ignore_unknown_eap_types = no
    cisco_accounting_username_bug = no
    max_sessions = 16384
    md5 {
    }
    mschapv2 {
      send_error = yes
    }
  }
  files {
    filename = ${directory}/users
  }
  attr_filter rejects {
    key = "%{User-Name}"
    filename = ${directory}/rejects
  }
  detail accounting {
    filename = ${directory}/accounting
    permissions = 0600
    log_packet_header = yes
  }
  detail access {
    filename = ${directory}/access
    permissions = 0600
    log_packet_header = yes
    suppress {
      User-Password
    }
  }
}
server default {
  listen {
    type = auth
    ipaddr = ${address}
    port = 1812
  }
  listen {
    type = acct
    ipaddr = ${address}
    port = 1813
  }
  authorize {
    ${quiet ? '' : 'access'}
    eap {
      ok = return
    }
    chap
    mschap
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type MS-CHAP {
      mschap
    }
    eap
  }
  post-auth {
    update reply {
      Message-Authenticator := 0x00
    }
    Post-Auth-Type REJECT {
      rejects
      update reply {
        Message-Authenticator := 0x00
      }
    }
  }
  accounting {
    accounting
  }
}
`;

export interface Radclient {
  /** Where its request goes to. */
  to: { address: string; port: number };
  secret: string;
  command: 'auth' | 'acct' | 'coa' | 'disconnect' | 'status';
  attributes: Attributes;
}

/** Sends one request with a Message-Authenticator, from that namespace. */
export async function radclient(
  namespace: Namespace,
  { to, secret, command, attributes }: Radclient,
): Promise<{ ok: boolean; output: string }> {
  const file = join(namespace.lab.directory, `${namespace.name}-radclient`);
  const lines = [...attributeLines(attributes), 'Message-Authenticator = 0x00'];
  await writeFile(file, `${lines.map((line) => line.replace(' += ', ' = ')).join('\n')}\n`, { mode: 0o600 });
  const host = to.address.includes(':') ? `[${to.address}]` : to.address;
  const args = ['-x', '-r', '3', '-t', '2', '-f', file, `${host}:${to.port}`, command, secret];
  return await namespace.attempt('radclient', ...args);
}
