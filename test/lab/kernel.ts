import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** A Debian kernel, unpacked. */
export interface Kernel {
  /** The release that `uname -r` will tell. */
  release: string;
  /** The uncompressed image: decompressing it in the emulated machine would cost seconds of every boot. */
  image: string;
  /** The root of its modules: `lib/modules/RELEASE` is below. */
  root: string;
}

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'prol2tp', 'lab');

/**
 * The newest kernel in the cache; where there is none, the one that Debian offers now.
 * @throws Error when it must be fetched and cannot be.
 */
export async function obtainKernel(): Promise<Kernel> {
  await mkdir(cache, { recursive: true });
  const version = (await cachedVersions()).at(-1) ?? (await fetchKernel());
  const root = join(cache, version);
  const [release] = await readdir(join(root, 'lib/modules'));
  return { release, image: join(root, 'vmlinux'), root };
}

/** What is complete: a kernel gets its name only when everything is in its directory. Oldest first. */
async function cachedVersions(): Promise<string[]> {
  const versions = (await readdir(cache)).filter((name) => !name.startsWith('.'));
  return versions.sort(new Intl.Collator('en', { numeric: true }).compare);
}

/** Puts Debian's kernel into the cache and gives its package's version. */
async function fetchKernel(): Promise<string> {
  const scratch = await mkdtemp(join(cache, '.fetch-'));
  try {
    const { stdout: depends } = await execa('apt-cache', ['depends', 'linux-image-amd64']);
    const name = depends.match(/Depends: (linux-image-\S+)/)?.[1];
    if (name === undefined) throw new Error('apt knows no linux-image-amd64: the kernel lab needs Debian on amd64');
    await execa('apt-get', ['download', '-q', name], { cwd: scratch });
    const [file] = await readdir(scratch);
    const version = decodeURIComponent(file.split('_')[1]);
    const unpacked = join(scratch, 'unpacked');
    await execa('dpkg-deb', ['-x', join(scratch, file), unpacked]);
    const [release] = await readdir(join(unpacked, 'lib/modules'));
    await execa('depmod', ['-b', unpacked, release]);
    await writeFile(join(unpacked, 'vmlinux'), await uncompressed(join(unpacked, 'boot', `vmlinuz-${release}`)));
    await rm(join(unpacked, 'boot'), { recursive: true });
    await rm(join(unpacked, 'usr'), { recursive: true });
    await rename(unpacked, join(cache, version)).catch((error) => {
      // Somebody else was quicker.
      if (!existsSync(join(cache, version))) throw error;
    });
    return version;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** The kernel inside a bzImage, found as Linux' Documentation/arch/x86/boot.rst says (setup_sects, payload_*). */
async function uncompressed(bzImage: string): Promise<Uint8Array> {
  const image = await readFile(bzImage);
  const setupSectors = image.readUInt8(0x1f1);
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  // The payload's last four octets tell its uncompressed length.
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  if (payload.readUInt32BE(0) !== 0xfd377a58) throw new Error(`${bzImage} is not compressed with xz`);
  const { stdout } = await execa('xz', ['--decompress', '--stdout', '--single-stream'], {
    input: payload,
    encoding: 'buffer',
    maxBuffer: 2 ** 30,
  });
  return stdout;
}
