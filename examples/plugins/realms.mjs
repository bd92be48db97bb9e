/**
 * Chooses the tunnels of a call by the realm of its user, and shows the circuit that a vendor's access node tells.
 *
 *     plugins:
 *       - name: realms
 *         module: ./plugins/realms.mjs
 *         config:
 *           tunnels: { isp.example: [to-isp, to-isp-backup] }
 */

/** An example of a vendor: the enterprise number that RFC 5612 keeps for documentation. */
const vendor = 32473;
const circuit = 1;

/**
 * @param {import('../../src/plugins/api.ts').PluginApi} api
 * @param {{ tunnels?: Record<string, string[]> }} config
 */
export default function realms(api, { tunnels = {} }) {
  const byRealm = new Map(Object.entries(tunnels).map(([realm, names]) => [realm.toLowerCase(), names]));
  api.chooseForward(({ user = '' }) => byRealm.get(user.slice(user.lastIndexOf('@') + 1).toLowerCase()));
  api.understandAvp({ vendor, type: circuit, label: 'Circuit', text: (value) => new TextDecoder().decode(value) });
  api.onSession(({ event, name, view }) => api.log(`${name} of ${view.ppp.user ?? 'nobody known'}: ${event}`));
}
