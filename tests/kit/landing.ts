import { readFileSync, rmSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { local } from '../../lib/connectors/local/index.ts'
import type { Relation } from '../../lib/connectors/source.ts'
import type { Store } from '../../lib/connectors/store.ts'
import type { RunContext } from '../../lib/core/context.ts'
import type { Columns } from '../../lib/core/dataset.ts'
import { quoteIdentifier, quoteList } from '../../lib/core/quote.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { fileCache } from '../../lib/land/file-cache.ts'
import { land } from '../../lib/land/land.ts'
import { keepFilesOf } from '../../lib/land/local-files.ts'
import type { Landed, LandRequest, LandTools } from '../../lib/land/request.ts'
import { temporaryFolder, testContext } from './context.ts'
import { connectToTestEngine } from './engine.ts'
import { inProcessReader } from './in-process-reader.ts'

/** A relation that reads nothing foreign: the SELECT that is landed makes its own rows. */
export const noRelation: Relation = { sql: 'SELECT 1', raw: {}, located: 'SELECT 1', before: [], close: async () => undefined }

export interface Landing {
  readonly folder: string
  readonly store: Store
  /** What the reader child would be; a test may put another in its place. */
  reader: LandTools['reader']
  /** Lands the rows of a SELECT, or of VALUES, in run after run. */
  land(rows: string, overrides?: Partial<LandRequest>, ctx?: Partial<RunContext>): Promise<Landed>
}

/** What a landing zone's objects are to this machine. */
let open = (folder: string): Store => local(folder).openStore()

/** From now on landing zones of tests lie elsewhere, with a cache of one file or two on this machine. */
export function landElsewhere(): void {
  open = (folder) => storeElsewhere(folder, { folder: `${folder}-cache`, limitBytes: 2500 })
}

/** Forgets what this machine has kept of a landing zone, so that its readers see what lies there. */
export function forgetKept({ folder }: Pick<Landing, 'folder'>): void {
  rmSync(`${folder}-cache`, { recursive: true, force: true })
}

/** A store of a folder whose files have no path here: they are put by copying, and read as those of a bucket are. `got`: what was fetched. */
export function storeElsewhere(folder: string, cache: Parameters<typeof fileCache>[0], got: string[] = []): Store {
  const inner = local(folder).openStore()
  const store: Store = {
    ...inner,
    localPath: () => undefined,
    // As an upload, which leaves the file where it is.
    put: (key, body, options) => inner.put(key, 'file' in body ? { bytes: readFileSync(body.file) } : body, options),
    get: (key, range) => {
      if (key.endsWith('.parquet')) got.push(key)
      return inner.get(key, range)
    },
  }
  keepFilesOf(store, fileCache(cache))
  return store
}

/** A landing zone in a fresh folder, with rows that come from SQL. */
export function testLanding(defaults: Partial<LandRequest> & { readonly columns: Columns }): Landing {
  const folder = `${temporaryFolder()}/landing`
  const store = open(folder)
  const reader = inProcessReader()
  onTestFinished(async () => {
    await store.close()
    await reader.close()
  })
  let runs = 0
  const landing: Landing = {
    folder,
    store,
    reader,
    land: (rows, overrides = {}, ctx = {}) =>
      land(
        {
          ...{ dataset: 'd', partition: '_all', kind: { by: 'whole' }, readKey: 'key', open: false, relation: noRelation },
          ...{ ...defaults, select: { sql: typed(rows, defaults.columns) }, ...overrides },
        },
        { store, reader: landing.reader },
        testContext({ run: `run-${++runs}`, ...ctx }),
      ),
  }
  return landing
}

/** `(1, 'a'), (2, 'b')` as a SELECT of declared types; a SELECT stays as it is. */
export function typed(rows: string, columns: Columns): string {
  if (/^\s*(SELECT|FROM|WITH)/i.test(rows)) return rows
  const names = Object.keys(columns).map(quoteIdentifier)
  const casts = Object.entries(columns).map(
    ([name, type]) => `CAST(${quoteIdentifier(name)} AS ${duckdbTypeFromText(type)}) AS ${quoteIdentifier(name)}`,
  )
  const none = Object.keys(columns)
    .map(() => 'NULL')
    .join(', ')
  return `SELECT ${casts.join(', ')} FROM (VALUES ${rows || `(${none})`}) AS v(${names.join(', ')}) WHERE ${rows ? 'true' : 'false'}`
}

/** Rows of Parquet files as text, in no order: `1|a`. */
export async function rowsOf(files: readonly string[]): Promise<string[]> {
  const db = await connectToTestEngine()
  try {
    const rows = await db.meta(`SELECT * FROM read_parquet(${quoteList(files)})`)
    return rows
      .map((row) =>
        Object.values(row)
          .map((value) => value ?? '∅')
          .join('|'),
      )
      .sort()
  } finally {
    db.close()
  }
}
