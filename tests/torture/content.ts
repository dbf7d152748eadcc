import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { local } from '../../lib/connectors/local/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import { systemClock } from '../../lib/core/clock.ts'
import type { RunContext } from '../../lib/core/context.ts'
import { messageOf } from '../../lib/core/errors.ts'
import { quoteIdentifier, quoteList } from '../../lib/core/quote.ts'
import { type DuckDB, openDuckDB } from '../../lib/engines/duckdb.ts'
import type { DeliveryManifest, SetManifest } from '../../lib/export/manifest.ts'
import { currentState } from '../../lib/land/current-state.ts'
import { verifyFiles } from '../../lib/land/datasets.ts'
import { loadsOf } from '../../lib/land/loads.ts'
import { tryLock } from '../../lib/state/lock.ts'
import type { LoadManifest } from '../../lib/state/manifest.ts'

/**
 * What a project's landing, warehouse and exports hold, name by name, as texts that are equal when the contents are. What may differ from run to run is left out: all that stands under `run`, and versions of
 * sources, whose files are written again before each run. A name that begins with `fault` is something that must never be there.
 */
export type Content = ReadonlyMap<string, string>

/** Reads a profile's state folder as readers do; the warehouse from a copy, so that nothing is replayed or repaired by looking. */
export async function contentOf(state: string): Promise<Content> {
  const content = new Map<string, string>()
  const temp = mkdtempSync(join(tmpdir(), 'millrace-look-'))
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: join(temp, 'spill') })
  try {
    await readLanding(local(join(state, 'landing')).openStore(), SALES, { temp, db }, content)
    await readWarehouse(state, temp, content)
    await readExports(local(join(state, 'export')).openStore(), content)
  } finally {
    db.close()
    rmSync(temp, { recursive: true, force: true })
  }
  return content
}

/** A pipeline whose landing is read, with those of its datasets that a cursor follows. */
export interface Landed {
  readonly pipeline: string
  readonly cursors: readonly Pick<StateRequest, 'dataset' | 'columns' | 'key' | 'cursor'>[]
}
type StateRequest = Parameters<typeof currentState>[1]

const SALES: Landed = {
  pipeline: 'sales',
  cursors: [{ dataset: 'customer', columns: { id: 'int32', name: 'text', changed: 'timestamp' }, key: ['id'], cursor: 'changed' }],
}

/** Reads a landing zone as later runs do, and closes its store. */
export async function readLanding(
  store: Store,
  { pipeline, cursors }: Landed,
  { temp, db }: { readonly temp: string; readonly db: DuckDB },
  content: Map<string, string>,
): Promise<void> {
  try {
    const keys: string[] = []
    for await (const key of store.list(`${pipeline}/`)) keys.push(key)
    for (const place of new Set(keys.map((key) => key.split('/').slice(1, 3).join(' ')))) {
      const [dataset = '', partition = ''] = place.split(' ')
      const at = `landing ${dataset} ${partition}`
      try {
        const loads = await loadsOf(store, pipeline, dataset, partition)
        for (const load of loads) content.set(`${at} load ${load.id}`, loadText(load))
        await verifyFiles(store, loads)
      } catch (error) {
        content.set(`fault ${at}`, messageOf(error))
      }
    }
    for (const cursor of cursors) {
      if (![...content.keys()].some((name) => name.startsWith(`landing ${cursor.dataset} _all load`))) continue
      try {
        const state = await currentState(store, { pipeline, ...cursor }, lookingContext(pipeline, temp))
        const [row] = await db.meta(`SELECT ${rowsText(Object.keys(cursor.columns))} FROM read_parquet(${quoteList(state.files)})`)
        content.set(`landing ${cursor.dataset} state`, row?.text ?? '')
      } catch (error) {
        content.set(`fault landing ${cursor.dataset} state`, messageOf(error))
      }
    }
    for (const key of keys) if (/\.(parquet|zst)$/.test(key)) content.set(`landed file ${key}`, 'there')
  } finally {
    await store.close()
  }
}

function loadText({ run: _, sourceVersion: __, ...load }: LoadManifest): string {
  return JSON.stringify(load)
}

function lookingContext(pipeline: string, workspace: string): RunContext {
  const limits = { memoryBytes: 2 ** 28, threads: 1, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
  const signal = new AbortController().signal
  return { pipeline, run: 'look', clock: systemClock, signal, workspace, limits, emit: () => {} }
}

/** Each table's rows by `_partition`, with the token that was committed with them: only together are they one commit. */
async function readWarehouse(state: string, temp: string, content: Map<string, string>): Promise<void> {
  const copy = join(temp, 'warehouse.duckdb')
  for (const name of namesIn(state)) if (name.startsWith('warehouse.duckdb')) copyFileSync(join(state, name), join(temp, name))
  if (!existsSync(copy)) return
  let db: DuckDB | undefined
  try {
    db = await openDuckDB({ file: copy, memoryBytes: 2 ** 28, threads: 1, temp: join(temp, 'warehouse-spill') })
    const tokens = await db.meta('SELECT "table", "partition", input_key, loads FROM _millrace_tokens')
    const parts = new Map<string, string>(
      tokens.map((token) => [`${token.table} ${token.partition}`, `token ${token.input_key} ${token.loads}`]),
    )
    for (const { table } of await db.meta(`SELECT table_name AS "table" FROM duckdb_tables() WHERE table_name <> '_millrace_tokens'`)) {
      const columns = await db.meta(
        'SELECT column_name AS name, data_type AS type FROM duckdb_columns() WHERE table_name = $table ORDER BY column_index',
        {
          table: table ?? '',
        },
      )
      content.set(`warehouse ${table} columns`, columns.map(({ name, type }) => `${name} ${type}`).join(', '))
      const rows = await db.meta(
        `SELECT _partition AS part, ${rowsText(columns.map(({ name }) => name ?? ''))} FROM ${quoteIdentifier(table ?? '')} GROUP BY _partition`,
      )
      for (const { part, text } of rows) parts.set(`${table} ${part}`, `${text} ${parts.get(`${table} ${part}`) ?? 'without a token'}`)
    }
    for (const [name, text] of parts) content.set(`warehouse ${name.trimEnd()}`, text)
  } catch (error) {
    content.set('fault warehouse', messageOf(error))
  } finally {
    db?.close()
  }
}

/** SQL of a text that is equal for equal rows, all columns in text, whatever their order. */
function rowsText(columns: readonly string[]): string {
  const values = columns.map((name) => `coalesce(CAST(${quoteIdentifier(name)} AS VARCHAR), '∅')`)
  const row = `concat_ws('│', ${values.join(', ')})`
  return `concat(count(*), ' rows ', md5(string_agg(${row}, chr(10) ORDER BY ${row}))) AS text`
}

/** Every object but those under `_tmp/`, which by the protocol nobody reads; and whether what each `latest.json` leads to is there, byte for byte. Closes the store. */
export async function readExports(store: Store, content: Map<string, string>): Promise<void> {
  try {
    for await (const key of store.list('')) {
      if (key.startsWith('_tmp/')) continue
      const bytes = await buffer(await store.get(key))
      content.set(...exported(key, bytes))
      if (basename(key) !== 'latest.json') continue
      const wrong = await followLatest(bytes, async (named) => buffer(await store.get(named)))
      if (wrong !== undefined) content.set(`fault ${key}`, wrong)
    }
  } finally {
    await store.close()
  }
}

/** An export's object as a name and a text of its content. */
export function exported(key: string, bytes: Uint8Array): [name: string, text: string] {
  if (!key.endsWith('.json')) return [`export ${key}`, `${bytes.length} bytes ${sha256(bytes)}`]
  try {
    const { run: _, ...rest } = JSON.parse(Buffer.from(bytes).toString()) as { run: unknown }
    return [`export ${key}`, JSON.stringify(rest)]
  } catch {
    return [`fault export ${key}`, `torn: ${bytes.length} bytes`]
  }
}

interface Pointer {
  readonly manifest: string
  readonly run: { readonly manifestSha256: string }
}

/** Follows a `latest.json` to its manifest and on to each file, as the downstream does; gives what is wrong. */
export async function followLatest(latest: Uint8Array, read: (key: string) => Promise<Uint8Array>): Promise<string | undefined> {
  try {
    const { manifest, run } = JSON.parse(Buffer.from(latest).toString()) as Pointer
    const text = await read(manifest)
    if (sha256(text) !== run.manifestSha256) return 'the manifest is another one'
    const said = JSON.parse(Buffer.from(text).toString()) as DeliveryManifest | SetManifest
    for (const file of 'members' in said ? said.members.flatMap(({ files }) => files) : said.files) {
      const bytes = await read(file.key)
      const crc = crc32c(bytes).toString(16).padStart(8, '0')
      if (bytes.length !== file.bytes || crc !== file.crc32c || sha256(bytes) !== file.sha256)
        return `${file.key} is not what the manifest says`
    }
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** What a finished run must not have left: temporaries, workspaces of runs that are gone, locks that are still held. */
export function leftovers(state: string): string[] {
  const left = filesUnder(state).filter(
    (path) => /(^|\/)(\.millrace-tmp-|\.warehouse\.duckdb\.new-)|^export\/_tmp\//.test(path) && !path.startsWith('workspace/'),
  )
  const workspaces = namesIn(join(state, 'workspace')).filter((name) => !name.startsWith('_'))
  return [...left, ...workspaces.map((name) => `workspace/${name}`), ...heldLocks(state)]
}

/** Locks that somebody holds. */
export function heldLocks(state: string): string[] {
  return filesUnder(state).flatMap((path) => {
    if (!path.endsWith('.lock')) return []
    const taken = tryLock(join(state, path))
    taken?.release()
    return taken ? [] : [`${path} is held`]
  })
}

/** How two contents differ, one line for each name. */
export function differences(found: Content, expected: Content): string[] {
  const names = [...new Set([...found.keys(), ...expected.keys()])].sort()
  return names.flatMap((name) => {
    const [is, should] = [found.get(name), expected.get(name)]
    return is === should ? [] : [`${name}: ${is ?? 'nothing'} instead of ${should ?? 'nothing'}`]
  })
}

/** What a reader who comes between two runs must not see: anything that is not as in one of the states before and after. Files of a landing that nobody names may lie about. */
export function tornParts(seen: Content, ...states: readonly Content[]): string[] {
  return [...new Set([seen, ...states].flatMap((each) => [...each.keys()]))].sort().flatMap((name) => {
    const [is, known] = [seen.get(name), states.map((each) => each.get(name))]
    if (name.startsWith('landed file ') || known.includes(is)) return []
    return [`${name}: ${is ?? 'nothing'}, neither ${known.map((text) => text ?? 'nothing').join(' nor ')}`]
  })
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
