import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type Kernel, obtainKernel } from './kernel.ts';

/** What the machine needs to reach the host's root; everything else is loaded from there. */
const bootModules = ['virtio_mmio', 'virtio_console', '9pnet_virtio', '9p', 'overlay'];
/** What neither the kernel nor the programs load by themselves. */
const modules = [
  ...['veth', 'tun', 'l2tp_ppp', 'l2tp_netlink', 'l2tp_eth', 'l2tp_ip', 'l2tp_ip6', 'l2tp_debugfs'],
  ...['pppoe', 'ppp_mppe', '8021q'],
];
const initSource = fileURLToPath(new URL('init.sh', import.meta.url));

/**
 * The machine's serial ports by name, and the file descriptors of the emulator that they end in.
 * `output` and `error` are the command's, `code` is told its exit code.
 */
const ports = { output: 3, error: 4, code: 5 } as const;

export interface RunOptions {
  /** Gets the command's standard output as it comes. */
  onOutput?: (text: string) => void;
  /** Gets its standard error as it comes. */
  onError?: (text: string) => void;
  /** When the machine is switched off, done or not, in milliseconds outside. */
  timeoutMs?: number;
}

/**
 * Boots Debian's kernel in an emulated machine (no KVM is needed) whose root is this host's, and runs one command in
 * it as root, in this process's directory and with its PATH. What it writes to disk is gone afterwards.
 * @returns the command's exit code
 * @throws Error with the kernel's last words when the machine stops without one
 */
export async function runInMachine(command: readonly string[], options: RunOptions = {}): Promise<number> {
  const kernel = await obtainKernel();
  const scratch = await mkdtemp(join(tmpdir(), 'prol2tp-lab-'));
  try {
    await writeFile(join(scratch, 'command'), script(command));
    await makeInitramfs(kernel, scratch);
    const machine = execa('qemu-system-x86_64', emulatorArguments(kernel, scratch), {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      buffer: { [`fd${ports.output}`]: false, [`fd${ports.error}`]: false },
      all: true,
      reject: false,
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    listen(machine.stdio[ports.output], options.onOutput);
    listen(machine.stdio[ports.error], options.onError);
    const { all: lastWords, timedOut, stdio, failed, shortMessage } = await machine;
    const code = stdio[ports.code]?.toString() ?? '';
    if (timedOut) throw new Error(`the machine was not done within ${options.timeoutMs} ms\n${lastWords}`);
    if (failed || code === '') throw new Error(`the machine stopped too early: ${shortMessage}\n${lastWords}`);
    return Number(code);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function listen(port: Readable, tell?: (text: string) => void): void {
  if (tell === undefined) port.resume();
  else port.setEncoding('utf8').on('data', tell);
}

/** The command as a script, with what it needs from this process. */
function script(command: readonly string[]): string {
  const { PATH = '', HOME = '/root' } = process.env;
  const variables = { PATH, HOME, TERM: 'dumb', TMPDIR: '/run/lab/tmp', PROL2TP_LAB: '1' };
  return [
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`),
    `modprobe --all ${modules.join(' ')}`,
    `cd ${quoted(process.cwd())}`,
    `${command.map(quoted).join(' ')}`,
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `initramfs` in the directory: busybox, `init.sh` and the modules that boot needs, in the order of loading. */
async function makeInitramfs(kernel: Kernel, directory: string): Promise<void> {
  const root = join(directory, 'root');
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'lower', 'upper', 'root'])
    await mkdir(join(root, name), { recursive: true });
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  await copyFile(initSource, join(root, 'init'));
  const depends = ['-d', kernel.root, '-S', kernel.release, '--show-depends', '--all', ...bootModules];
  const { stdout } = await execa('modprobe', depends);
  const files = new Set([...stdout.matchAll(/^insmod (\S+)/gm)].map(([, file]) => file));
  const order: string[] = [];
  for (const file of files) {
    await copyFile(file, join(root, 'modules', basename(file)));
    order.push(`${basename(file)}\n`);
  }
  await writeFile(join(root, 'modules/order'), order.join(''));
  const archive = 'find . | cpio --create --format newc --owner 0:0 --quiet > ../initramfs';
  await execa('sh', ['-c', `chmod 755 init && ${archive}`], { cwd: root });
}

function emulatorArguments(kernel: Kernel, scratch: string): string[] {
  const commandLine = [
    'console=ttyS0 loglevel=5 panic=-1 reboot=t',
    // Checks of hardware that is not there, or of what is known to be good, take long in an emulation.
    'tsc=reliable no_timer_check mitigations=off cryptomgr.notests audit=0 random.trust_cpu=on',
    // Waits for grace periods would be most of the time that namespaces and devices take to go.
    'rcupdate.rcu_expedited=1 net.ifnames=0',
    `lab.scratch=${scratch} lab.modules=${kernel.root}/lib/modules/${kernel.release} `,
  ].join(' ');
  return [
    ...[
      '-machine',
      'microvm,acpi=on,pit=on,pic=on,rtc=on,isa-serial=on',
      '-accel',
      'tcg',
      '-cpu',
      'max',
      '-smp',
      '1',
      '-m',
      '1G',
    ],
    // The machine's clock counts its instructions, 2 ns each, and runs on while it idles. With the host's clock, a busy
    // host makes the kernel's calibration fail and programs' timeouts fire.
    ...['-icount', 'shift=1'],
    ...['-no-reboot', '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel.image, '-initrd', join(scratch, 'initramfs'), '-append', commandLine],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-device,fsdev=host,mount_tag=host', '-device', 'virtio-serial-device'],
    ...Object.entries(ports).flatMap(([name, descriptor]) => [
      ...['-chardev', `socket,id=${name},fd=${descriptor}`],
      ...['-device', `virtserialport,chardev=${name},name=${name}`],
    ]),
  ];
}
