// Debian packages without installing them: reads which mirrors this machine uses, keeps package lists of its own under
// the cache folder (no root needed), and unpacks packages into a folder. Which packages, and why, is the caller's matter.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './adapters.mjs';
import { mustRun, run, SetupError } from './process.mjs';

const folder = join(cacheFolder, 'apt');
const archives = join(folder, 'archives');

/** Whether this machine has apt and dpkg. */
export function hasApt() {
  return process.platform === 'linux' && existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg');
}

const options = [
  ...['-o', 'Dir::Etc::sourcelist=/dev/null', '-o', `Dir::Etc::sourceparts=${join(folder, 'sources')}`],
  ...['-o', `Dir::State::lists=${join(folder, 'lists')}`, '-o', `Dir::Cache=${folder}`],
  ...['-o', `Dir::Cache::archives=${archives}`, '-o', 'Debug::NoLocking=true', '-o', 'APT::Sandbox::User='],
];

const apt = (complaint, ...args) => mustRun(complaint, 'apt-get', ['-q', '-y', ...options, ...args]);

/** Fetches fresh lists of the distribution's main packages and of its backports. */
export async function openPackageLists() {
  const release = osRelease();
  const suites = await mainSuites(release.VERSION_CODENAME);
  for (const sub of ['sources', 'lists/partial', 'archives/partial']) mkdirSync(join(folder, sub), { recursive: true });
  const keyring = ['pgp', 'gpg']
    .map((extension) => `/usr/share/keyrings/${release.ID}-archive-keyring.${extension}`)
    .find((path) => existsSync(path));
  const stanzas = [...suites].map(([uri, names]) =>
    ['Types: deb', `URIs: ${uri}`, `Suites: ${names.join(' ')}`, 'Components: main', keyring && `Signed-By: ${keyring}`]
      .filter(Boolean)
      .join('\n'),
  );
  writeFileSync(join(folder, 'sources/pagemind.sources'), `${stanzas.join('\n\n')}\n`);
  await apt('the lists of Debian packages could not be fetched', 'update');
}

/** Suites of this distribution by mirror address, as this machine's own apt knows them, plus backports. */
async function mainSuites(codename) {
  if (!codename) throw new SetupError('/etc/os-release names no release, so no driver package can be chosen');
  // Without release information apt also tells of sources whose lists were never fetched.
  const format = ['--no-release-info', '--format', '$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)'];
  const { output } = await run('apt-get', ['indextargets', ...format]);
  const suites = new Map();
  for (const line of new Set(output.split('\n'))) {
    const [createdBy, uri, release = '', component] = line.split(' ');
    const suite = release.replace(/^(old)*stable/, codename);
    if (createdBy !== 'Packages' || component !== 'main' || !`${suite}-`.startsWith(`${codename}-`)) continue;
    const backports = suite === codename ? [`${codename}-backports`] : [];
    suites.set(uri, [...new Set([...(suites.get(uri) ?? []), suite, ...backports])]);
  }
  if (suites.size === 0) throw new SetupError(`apt on this machine has no source for '${codename} main'`);
  return suites;
}

function osRelease() {
  const lines = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8').split('\n') : [];
  return Object.fromEntries(lines.map((line) => line.split('=').map((part) => part.replace(/^"|"$/g, ''))));
}

/** Version and suite of the newest package of a name; undefined when there is none. Needs {@link openPackageLists}. */
export async function newestPackage(name) {
  const { output } = await run('apt-cache', [...options, 'madison', name]);
  const newest = /^\s*\S+ \| (\S+) \| \S+ ([^/\s]+)\//m.exec(output);
  return newest ? { version: newest[1], suite: newest[2] } : undefined;
}

/** Fetches one package, nothing that it depends on, and unpacks it into `root`. */
export async function unpackPackage(name, suite, root) {
  clearArchives();
  const complaint = `the Debian package ${name} could not be fetched`;
  await mustRun(complaint, 'apt-get', ['-q', ...options, 'download', `${name}/${suite}`], { cwd: archives });
  await unpackArchives(root);
}

/** Fetches a package with everything that it depends on and this machine lacks, and unpacks all of it into `root`. */
export async function unpackWithDependencies(name, suite, root) {
  clearArchives();
  const complaint = `the Debian packages that ${name} needs could not be fetched`;
  await apt(complaint, '--no-install-recommends', '--download-only', '-t', suite, 'install', name);
  await unpackArchives(root);
}

function clearArchives() {
  for (const file of debs()) rmSync(join(archives, file));
}

const debs = () => readdirSync(archives).filter((file) => file.endsWith('.deb'));

async function unpackArchives(root) {
  mkdirSync(root, { recursive: true });
  for (const file of debs()) {
    await mustRun(`${file} could not be unpacked`, 'dpkg', ['-x', join(archives, file), root]);
  }
  clearArchives();
}

/** Drops package lists and archives; they are large and grow old. */
export function closePackageLists() {
  rmSync(folder, { recursive: true, force: true });
}
