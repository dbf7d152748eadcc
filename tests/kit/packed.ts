import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const CHECKOUT = resolve(import.meta.dirname, '../..')

/** What goes into the package, and what `npm pack` needs to build it. */
const COPIED = [
  ...['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'tsconfig.json', 'tsconfig.build.json'],
  ...['bin', 'docs', 'lib', 'scripts'],
]

/** An empty project with the package of this checkout installed, for a suite: whoever makes it removes it. */
export interface InstalledProject {
  readonly folder: string
  /** The paths in the tarball, without their first folder `package/`. */
  readonly packed: readonly string[]
  /** For PATH: `millrace` is found there, as `npx` finds it. */
  readonly bin: string
  remove(): void
}

/**
 * Packs this checkout with `npm pack` (which builds it) and installs the tarball into a project of its own, without a network: as `npm install <tarball>` would unpack and link it, except that its
 * dependencies (and only what they need in turn) are links to this checkout's. A copy is packed, so that two suites and an engineer can build at once.
 */
export function installedProject(): InstalledProject {
  const home = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
  try {
    const copy = join(home, 'copy')
    for (const name of COPIED) cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true })
    symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'))
    const npm = (...args: string[]) =>
      execFileSync('npm', args, { cwd: copy, encoding: 'utf8', stdio: 'pipe', env: { ...process.env, npm_config_offline: 'true' } })
    const [report] = JSON.parse(
      npm('pack', '--ignore-scripts=false', '--foreground-scripts=false', '--json', '--pack-destination', home),
    ) as [{ readonly filename: string; readonly files: readonly { readonly path: string }[] }]
    const folder = join(home, 'project')
    const modules = join(folder, 'node_modules')
    mkdirSync(join(modules, '.bin'), { recursive: true })
    execFileSync('tar', ['-xzf', join(home, report.filename), '-C', modules])
    renameSync(join(modules, 'package'), join(modules, 'millrace'))
    for (const name of dependencies()) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(CHECKOUT, 'node_modules', name), join(modules, name))
    }
    symlinkSync('../millrace/bin/millrace.js', join(modules, '.bin/millrace'))
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
    return {
      folder,
      packed: report.files.map(({ path }) => path),
      bin: join(modules, '.bin'),
      remove: () => rmSync(home, { recursive: true, force: true }),
    }
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

/** What npm would install beside the package: its dependencies and theirs, by the lock; nothing that is for development only. */
function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>
  }
  return Object.entries(packages).flatMap(([path, { dev }]) => {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? []
    return name !== undefined && !dev && existsSync(join(CHECKOUT, path)) ? [name] : []
  })
}
