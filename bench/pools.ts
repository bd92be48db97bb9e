/** What it costs to give out and take back addresses and prefixes: `npx tsx bench/pools.ts [ADDRESSES]`. */
import { AddressPools } from '../src/aaa/pools.ts';
import type { PoolSpec } from '../src/engine/spec.ts';
import { markdown } from './figures.ts';

const size = Number(process.argv[2] ?? 1_000_000);

const pool: PoolSpec = {
  name: 'pool',
  ranges: [{ first: 0x0a000000, last: 0x0a000000 + size - 1 }],
  exclude: [],
  // 2001:db8::/40 has room for 16 million links.
  prefixes: [{ high: 0x2001_0db8_0000_0000n, length: 40 }],
  delegationLength: 64,
  excludePrefixes: [],
};

const rows: string[][] = [];

/** Times one thing done for every session. */
function measure(what: string, act: (session: number) => void): void {
  const begin = process.hrtime.bigint();
  for (let session = 0; session < size; session++) act(session);
  const ns = Number(process.hrtime.bigint() - begin) / size;
  const mib = process.memoryUsage().rss / 2 ** 20;
  rows.push([what, ns.toFixed(0), mib.toFixed(0)]);
}

const pools = new AddressPools();
pools.configure([pool]);
const wanted = { pool: 'pool' };
const give = (session: number, user?: string) => {
  const { refused } = pools.allocate({ session, aaa: 'local', user, ipv4: wanted });
  if (refused) throw new Error(refused.ipv4);
};
const takeBack = (session: number) => pools.release(session);
const userOf = (session: number) => `subscriber${session}@isp.example`;
/** Far apart, each once. */
const shuffled = (session: number) => (session * 7_919) % size;

measure('allocate, nobody known', (session) => give(session));
measure('release', takeBack);
measure('allocate, every user new', (session) => give(session, userOf(session)));
measure('release, every address remembered', takeBack);
measure('allocate, the same address again', (session) => give(shuffled(session), userOf(shuffled(session))));
measure('release', takeBack);
measure('allocate, others: each forgets the oldest', (session) => give(session, `another${session}`));
measure('release', takeBack);
measure('allocate /64, every user new', (session) => {
  pools.allocate({ session, aaa: 'local', user: userOf(session), prefix: wanted });
});
measure('release', takeBack);

console.log(`${size.toLocaleString('en-US')} addresses\n`);
console.log(markdown(['what', 'ns each', 'RSS MiB'], rows));
