/** prol2tpd: the wiring. */
import { Command } from 'commander';
import { pino } from 'pino';
import { LocalAaa } from './aaa/local.ts';
import { Host } from './engine/host.ts';
import { UdpTransport } from './kernel/sockets.ts';
import { UserspacePlane } from './kernel/userspace-plane.ts';
import { LiveSystem } from './live.ts';
import { desired } from './reconciler/desired.ts';
import { plan } from './reconciler/plan.ts';
import { loadDirectory } from './reconciler/sources/files.ts';

const program = new Command('prol2tpd').option('--config <dir>', '', '/etc/prol2tp').option('--socket <path>').parse();
const options = program.opts<{ config: string }>();
const log = pino({ level: 'info' });
const transport = new UdpTransport();
const aaa = new LocalAaa();
const plane = new UserspacePlane(transport, {
  frame: (session, bytes, start, end) => host.frame(session, bytes, start, end),
  drift: (device, what) => log.warn({ device }, what),
});
plane.sweep();
const first = desired(await loadDirectory(options.config));
const host = new Host(first.state.gateway, { transport, plane, aaa, onNotice: (notice) => log.info(notice) });
transport.onDatagram((datagram) => host.datagram(datagram));
const live = new LiveSystem(host, plane, aaa);
for (const error of first.errors) log.error(error.toString());
const loop = async () => {
  for (const action of plan(first.state, await live.observe())) {
    log.info({ action: action.action }, action.reason);
    await live.apply(action).catch((error) => log.error(error));
  }
};
const timer = setInterval(() => void loop(), 500);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, async () => {
    clearInterval(timer);
    await host.shutdown();
    await plane.close();
    process.exit(0);
  });
}
