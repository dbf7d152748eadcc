import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { findConfig, loadConfig } from '../config/load.ts'
import { exists, readText } from '../core/disk.ts'
import { refusedByDisk } from '../core/disk-refusal.ts'
import { ConfigError } from '../core/errors.ts'
import { command } from './command.ts'
import { configTemplate, pipelineTemplate } from './templates.ts'

/** The connection that the template reads its fixture from. */
const CONNECTION = 'fixtures'

/** `millrace init`: a new pipeline that runs, and a first configuration where there is none. */
export const init = command({
  name: 'init',
  describe: 'make a new pipeline that runs as it is, and a millrace.config.ts where there is none',
  options: {
    name: { type: 'string', positional: true, required: true, describe: 'the name of the pipeline and of its folder' },
  },
  example: ['millrace init sales', 'then: millrace run sales'],
  handler: async ({ name }, { folder, profile }) => {
    const { files, notes } = await initPipeline(folder, name, profile)
    const next = `millrace run ${name}`
    const text = [...files.map((file) => `made ${file}`), ...notes.map((note) => `note: ${note}`), '', `next: ${next}`].join('\n')
    return { text, json: { files, notes, next }, exitCode: 0 }
  },
})

/**
 * Writes the template's files into the project that `folder` is in. Everything is looked at before anything is written.
 * @throws ConfigError for a name that is none or is taken, a file that is there already, and a project that cannot be loaded; PermanentError where it cannot be written
 */
export async function initPipeline(
  folder: string,
  name: string,
  profile?: string,
): Promise<{ readonly files: readonly string[]; readonly notes: readonly string[] }> {
  if (!/^[a-z][a-z0-9_-]*$/.test(name))
    throw new ConfigError(`pipeline name ${JSON.stringify(name)} must be lower case letters, digits, - and _`)
  const config = findConfig(folder)
  const project = config === undefined ? resolve(folder) : dirname(config)
  await refuseTargets(project, name)
  const manifest = await nearestManifest(project)
  const from = manifest?.imports?.['#millrace'] === undefined ? 'millrace' : '#millrace'
  const files: Record<string, string> = {
    ...pipelineTemplate(name, from),
    ...(config === undefined && { 'millrace.config.ts': configTemplate(from) }),
    ...(manifest === undefined && { 'package.json': '{\n  "private": true,\n  "type": "module"\n}\n' }),
  }
  for (const path of Object.keys(files))
    if (await exists(join(project, path)))
      throw new ConfigError(`${join(project, path)} is there already`, { hint: 'choose another name, or remove it' })
  const notes = await notesOf(project, config !== undefined, manifest, profile)
  await writeAll(project, files)
  return { files: Object.keys(files), notes }
}

/** Each pipeline is a target of the project's Makefile, where it has one. @throws ConfigError for a name that it has given to another target */
async function refuseTargets(project: string, name: string): Promise<void> {
  const makefile = (await readText(join(project, 'Makefile'))) ?? ''
  const targets = [...makefile.matchAll(/^([^\s#:=][^#:=]*?)\s*:(?!=)/gm)].flatMap(([, names = '']) => names.split(/\s+/))
  if (targets.includes(name))
    throw new ConfigError(`"${name}" is a target of ${join(project, 'Makefile')} already, and each pipeline is one, too`, {
      hint: 'choose another name',
    })
}

/** Writes new files, all or none. @throws PermanentError that says where it may not write */
async function writeAll(project: string, files: Readonly<Record<string, string>>): Promise<void> {
  const made: string[] = []
  for (const [path, text] of Object.entries(files)) {
    const file = join(project, path)
    try {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text, { flag: 'wx' })
      made.push(file)
    } catch (error) {
      for (const each of made) await rm(each, { force: true }).catch(() => undefined)
      throw refusedByDisk(error, file)
    }
  }
}

interface PackageManifest {
  readonly type?: string
  readonly imports?: Readonly<Record<string, unknown>>
}

/** The package.json that decides how files of the project are imported. */
async function nearestManifest(folder: string): Promise<PackageManifest | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const text = await readText(join(at, 'package.json'))
    if (text !== undefined) return JSON.parse(text) as PackageManifest
    if (at === dirname(at)) return undefined
  }
}

/** What stands in the way of running it as it is. */
async function notesOf(
  project: string,
  configured: boolean,
  manifest: PackageManifest | undefined,
  profile: string | undefined,
): Promise<string[]> {
  const notes: string[] = []
  if (manifest && manifest.type !== 'module') notes.push('package.json should say "type": "module"')
  if (configured) {
    const { connections, profile: name } = await loadConfig(project, profile)
    if (!Object.hasOwn(connections, CONNECTION))
      notes.push(`profile "${name}" of millrace.config.ts needs a connection for the fixture: ${CONNECTION}: files('fixtures')`)
  }
  return notes
}
