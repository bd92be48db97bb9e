/** Our rtnetlink codec beside one that we did not write: npm `netlink`, over its own socket. */
import { createRtNetlink } from 'netlink';
import { afterAll, expect, it } from 'vitest';
import { Rtnl } from '../../src/kernel/rtnl.ts';

const rtnl = new Rtnl();
const other = createRtNetlink();

afterAll(() => {
  other.socket.close();
  rtnl.close();
});

// Labs of other tests make links that may come between the two readings.
const options = { retry: 5 };

it('both read the same links', options, async () => {
  const theirs = (await other.getLinks()).map(({ data, attrs }) => ({
    index: data.index,
    name: attrs.ifname,
    mtu: attrs.mtu,
    up: data.flags?.up === true,
  }));
  const ours = rtnl.links().map(({ index, name, mtu, up }) => ({ index, name, mtu, up }));
  expect(theirs.map(({ name }) => name)).toContain('lo');
  expect(ours).toEqual(theirs);
});

it('both read the same IPv4 addresses', options, async () => {
  const theirs = (await other.getAddresses()).flatMap(({ data, attrs }) =>
    attrs.local ? [`${data.index} ${attrs.local.join('.')}/${data.prefixlen}`] : [],
  );
  const ours = rtnl.addresses().map(({ link, address, prefix }) => `${link} ${address}/${prefix}`);
  expect(theirs).toContain('1 127.0.0.1/8');
  expect(ours.filter((text) => !text.includes(':'))).toEqual(theirs);
});
