/**
 * Lets in the users of a JSON file (users.json beside this one), which may be edited at any time, and writes into the
 * log what they used. PppProfiles name it: `aaa: users`.
 *
 *     plugins:
 *       - name: users
 *         module: ./plugins/users.mjs
 *         config: { file: /etc/prol2tp/users.json }
 */
import { readFile } from 'node:fs/promises';

/**
 * @param {import('../../src/plugins/api.ts').PluginApi} api
 * @param {{ file?: string }} config
 */
export default function users(api, { file = 'users.json' }) {
  const url = new URL(file, import.meta.url);
  api.provideAaa({
    async authenticate({ user = '' }) {
      const known = JSON.parse(await readFile(url, 'utf8'));
      if (!Object.hasOwn(known, user)) return { verdict: 'reject', message: 'no such user' };
      const { password, ...grant } = known[user];
      return { verdict: 'check', password, grant };
    },
    account({ event, user, ipv4, sessionMs, cause }, { rxOctets, txOctets }) {
      const use = `${Math.round(sessionMs / 1000)} s, ${rxOctets} octets from them, ${txOctets} to them`;
      api.log(`${event}: ${user} at ${ipv4}: ${cause ? `${use}, ${cause}` : use}`);
    },
  });
}
