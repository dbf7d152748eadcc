import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { extensionsFolder } from '../../../lib/config/load.ts'
import { CHECKOUT, makeFolder, type ProjectFolder } from '../project.ts'
import { edited, pipelineFiles } from './script.ts'
import { BUCKET, type Systems, WAREHOUSE } from './systems.ts'

/** Where runs land: each runner on its own disk, or all in the bucket. */
export type Landing = 'local' | 'bucket'

/** What a project's configuration asks of its surroundings. */
export interface Surroundings {
  /** The database that is the source. */
  readonly source: string
  /** What names of objects begin with. */
  readonly prefix: string
  readonly landing: Landing
  /** Whether DuckDB's postgres_scanner is used where it is in place. */
  readonly extension: boolean
}

export function environmentOf({ source, prefix, landing, extension }: Surroundings): Readonly<Record<string, string>> {
  const extensions = extensionsFolder(CHECKOUT)
  return {
    ...{ TORTURE_SOURCE: source, TORTURE_PREFIX: prefix, TORTURE_LANDING: landing, TORTURE_EXTENSION: extension ? 'on' : 'off' },
    MILLRACE_EXTENSIONS: extensions,
  }
}

const configOf = (
  { host, port, user, password }: Systems['postgres'],
  url: string,
) => `import { config, gcs, local, postgres } from '#millrace'
const { TORTURE_NOW, TORTURE_SOURCE = 'sakila', TORTURE_PREFIX = 'none', TORTURE_LANDING, TORTURE_EXTENSION } = process.env
const server = { host: '${host}', port: ${port}, user: '${user}', password: '${password}', extension: TORTURE_EXTENSION !== 'off' }
const bucket = (name) => gcs({ bucket: '${BUCKET}', prefix: TORTURE_PREFIX + '/' + name, apiEndpoint: '${url}' })
export default config({ profiles: { dev: {
  connections: { sakila: postgres({ ...server, database: TORTURE_SOURCE }) },
  warehouse: postgres({ ...server, database: '${WAREHOUSE}' }),
  landing: TORTURE_LANDING === 'bucket' ? bucket('landing') : local('.millrace/dev/landing'),
  store: bucket('store'),
  limits: { memory: '512MB', threads: 1 },
  now: TORTURE_NOW,
} } })
`

/** A machine's project: its own `.millrace`, the warehouse and the bucket that all share. `changes` are made in its configuration. */
export function makeRunner(
  { postgres, bucket }: Pick<Systems, 'postgres' | 'bucket'>,
  changes: readonly (readonly [from: string, to: string])[] = [],
): ProjectFolder {
  return makeFolder({ ...pipelineFiles(), 'millrace.config.ts': edited(configOf(postgres, bucket.url), changes) })
}

/** Another machine's project, of the same pipeline as planned there. */
export function makeRunnerLike(
  { folder }: ProjectFolder,
  systems: Pick<Systems, 'postgres' | 'bucket'>,
  changes: readonly (readonly [from: string, to: string])[] = [],
): ProjectFolder {
  const runner = makeRunner(systems, changes)
  const schema = 'pipelines/rentals/schema.ts'
  runner.write({ [schema]: readFileSync(join(folder, schema), 'utf8') })
  return runner
}
