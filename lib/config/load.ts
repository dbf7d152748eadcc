import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { codePlace } from '../core/code-place.ts'
import type { Limits } from '../core/context.ts'
import { ConfigError, MillraceError, messageOf } from '../core/errors.ts'
import { missingPackageHint } from '../core/missing-package.ts'
import { didYouMean } from '../core/nearest.ts'
import { type Config, config, MADE_BY, type Profile } from './config.ts'
import { type GivenLimits, limitsOf } from './limits.ts'
import { labelSecrets } from './settings.ts'
import { isSoundProfile } from './sound-profile.ts'
import { bytesOf } from './units.ts'

/** A project's configuration with one profile chosen: all that is in force. */
export interface ProjectConfig {
  /** The folder that holds the configuration file; absolute. Relative paths of the configuration are meant from here. */
  readonly folder: string
  readonly file: string
  readonly profile: string
  readonly connections: Profile['connections']
  readonly warehouse: Profile['warehouse']
  readonly landing: Profile['landing']
  /** How much of a landing zone that is not on this machine's disk is kept on it. */
  readonly cacheBytes: number
  readonly store: Profile['store']
  /** Receivers of notices by name. */
  readonly notify: NonNullable<Profile['notify']>
  /** Absolute. */
  readonly state: string
  /** Absolute: where set-up has put DuckDB's extensions, `.millrace/extensions` unless MILLRACE_EXTENSIONS names another. */
  readonly extensions: string
  readonly limits: Limits
  readonly now: Profile['now']
}

const FILES = ['millrace.config.ts', 'millrace.config.js']

/** The configuration file of the project that `folder` is in: looked for here, then upwards. */
export function findConfig(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = FILES.map((name) => join(at, name)).find((path) => existsSync(path))
    if (file !== undefined || at === dirname(at)) return file
  }
}

/** Where a project has DuckDB's extensions, absolute: `.millrace/extensions` unless MILLRACE_EXTENSIONS names another folder. */
export function extensionsFolder(project: string): string {
  return resolve(project, process.env.MILLRACE_EXTENSIONS || join('.millrace', 'extensions'))
}

/**
 * Finds, imports and checks the configuration of the project that `folder` is in, and chooses a profile (absent: the file's default). `limits` are those
 * of the command line. No connection is opened and no secret looked up.
 * @throws ConfigError that says what is wrong in which profile.
 */
export async function loadConfig(folder: string, profileName?: string, limits?: GivenLimits): Promise<ProjectConfig> {
  const file = findConfig(folder)
  if (file === undefined)
    throw new ConfigError(`no millrace.config.ts in ${resolve(folder)} or above it`, {
      hint: 'millrace init <name> makes one, with a first pipeline',
    })
  const { profiles, defaultProfile } = await importConfig(file)
  const name = profileName ?? defaultProfile ?? 'dev'
  const names = Object.keys(profiles)
  const chosen = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (chosen === undefined)
    throw new ConfigError(`unknown profile "${name}"${didYouMean(name, names)}; ${file} has: ${names.join(', ') || 'none'}`)
  const place = `config profile "${name}"`
  const given = typeof chosen === 'function' ? called(chosen, place, file) : chosen
  // What is wrong is said by zod, which is loaded only then: it would take a good part of a plan's time.
  const profile = isSoundProfile(given) ? given : (await import('./validate.ts')).validateProfile(given, place)
  const { connections, warehouse, landing, store, notify = {} } = profile
  for (const [path, connection] of [
    ...Object.entries(connections).map(([key, each]) => [`connections.${key}`, each] as const),
    ...Object.entries({ warehouse, landing, store }),
    ...Object.entries(notify).map(([key, each]) => [`notify.${key}`, each] as const),
  ])
    labelSecrets(connection.settings, path, place)
  const project = dirname(file)
  return {
    folder: project,
    file,
    profile: name,
    connections,
    warehouse,
    landing,
    cacheBytes: bytesOf(profile.cache ?? '10GB', `${place}: cache`),
    store,
    notify,
    state: resolve(project, profile.state ?? join('.millrace', name)),
    extensions: extensionsFolder(project),
    limits: limitsOf(profile.limits ?? {}, place, { given: limits }),
    now: profile.now,
  }
}

/** The instant to which the profile pins a pipeline's "now"; undefined: the real one. */
export function pinnedNow(project: Pick<ProjectConfig, 'now'>, pipeline: string): Date | undefined {
  const { now } = project
  const text = typeof now === 'object' ? (Object.hasOwn(now, pipeline) ? now[pipeline] : undefined) : now
  return text === undefined ? undefined : new Date(text)
}

async function importConfig(file: string): Promise<Config> {
  let module: { readonly default?: unknown }
  try {
    module = await import(pathToFileURL(file).href)
  } catch (error) {
    throw failed(error, `${file} cannot be loaded`, file)
  }
  const value = module.default
  if (
    value === null ||
    typeof value !== 'object' ||
    !('profiles' in value) ||
    value.profiles === null ||
    typeof value.profiles !== 'object'
  )
    throw new ConfigError(`${file} has no configuration; expected export default config({ profiles: { dev: { … } } })`)
  const maker = (value as { readonly [MADE_BY]?: unknown })[MADE_BY]
  const own = (config({ profiles: {} }) as { readonly [MADE_BY]?: unknown })[MADE_BY]
  if (maker !== undefined && maker !== own) throw anotherCopy(file, String(maker), String(own))
  return value as Config
}

/** Which two copies they are: what a person has typed may be `npx millrace` as well as anything else. */
function anotherCopy(file: string, theirs: string, ours: string): ConfigError {
  const [imported, running] = [packageOf(theirs), packageOf(ours)]
  return new ConfigError(`${file} imports another copy of millrace than the one that runs: ${imported}, not ${running}`, {
    file,
    hint: `run that one: node ${join(imported, 'bin', 'millrace.js')} …; or let the project import this one`,
  })
}

/** The folder of the package that a module is of. */
function packageOf(url: string): string {
  const module = url.startsWith('file:') ? fileURLToPath(url) : url
  for (let at = dirname(module); ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at
    if (at === dirname(at)) return module
  }
}

function called(make: () => Profile, place: string, file: string): unknown {
  try {
    return make()
  } catch (error) {
    throw failed(error, `${place} cannot be made`, file)
  }
}

/** The user's own code threw: an error of ours keeps its message, any other says where in the file it came from. */
function failed(error: unknown, what: string, file: string): unknown {
  if (error instanceof MillraceError) return error.at({ file })
  const hint = missingPackageHint(error)
  return new ConfigError(`${what}: ${messageOf(error)}${codePlace(error, file)}`, {
    file,
    cause: error,
    ...(hint !== undefined && { hint }),
  })
}
