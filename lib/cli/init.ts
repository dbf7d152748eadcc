import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { findConfig, loadConfig } from '../config/load.ts'
import { exists, isErrno, readText } from '../core/disk.ts'
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

/** Writes the template's files into the project that `folder` is in. @throws ConfigError for a name that is none, and for a file that is there already: then nothing is written. */
export async function initPipeline(
  folder: string,
  name: string,
  profile?: string,
): Promise<{ readonly files: readonly string[]; readonly notes: readonly string[] }> {
  if (!/^[a-z][a-z0-9_-]*$/.test(name))
    throw new ConfigError(`pipeline name ${JSON.stringify(name)} must be lower case letters, digits, - and _`)
  const config = findConfig(folder)
  const project = config === undefined ? resolve(folder) : dirname(config)
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
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(project, path)), { recursive: true })
    await writeFile(join(project, path), text, { flag: 'wx' }).catch((error: unknown) => {
      throw isErrno(error, 'EACCES', 'EROFS', 'EPERM')
        ? new ConfigError(`${join(project, path)} cannot be written: ${error.message}`)
        : error
    })
  }
  return { files: Object.keys(files), notes: await notesOf(project, config !== undefined, manifest, profile) }
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
