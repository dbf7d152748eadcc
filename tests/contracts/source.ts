import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SourceRequest } from '../../lib/connectors/requests.ts'
import { type Read, type Relation, runOver, type Source, type SourceConnection } from '../../lib/connectors/source.ts'
import type { RunContext } from '../../lib/core/context.ts'
import type { Columns } from '../../lib/core/dataset.ts'
import { MillraceError } from '../../lib/core/errors.ts'
import type { MetaRow } from '../../lib/engines/duckdb.ts'
import { type Extensions, NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { openReader, type Reader } from '../../lib/engines/reader.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { selectDeclared } from '../../lib/extract/select.ts'
import { testContext } from '../kit/context.ts'

/** The dataset that every source under test serves. */
export const contractColumns = {
  id: 'int64',
  name: 'text',
  amount: 'decimal(12,2)',
  ratio: 'float64',
  flag: 'boolean',
  day: 'date',
  at: 'timestamptz',
} as const satisfies Columns

/** A row as JSON would hold it; a source of text writes each value as it prints, and null as its null marker. */
export interface ContractRow {
  readonly id: number
  readonly name: string | null
  readonly amount: number | null
  readonly ratio: number | null
  readonly flag: boolean | null
  /** `2018-02-04` */
  readonly day: string
  /** ISO 8601 with `Z`, ascending with `id`. */
  readonly at: string
}

/** `count` rows, one an hour from 4 February 2018 00:00 UTC, with nulls, quotes, separators and Unicode in the text. */
export function contractRows(count: number): readonly ContractRow[] {
  const names = ['plain', 'with, comma', 'with "quotes"', 'línea\ntwo 🌊', '', null]
  return Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    name: names[i % names.length] ?? null,
    amount: i % 7 === 6 ? null : (i * 125) / 100,
    ratio: i % 5 === 4 ? null : i / 8,
    flag: i % 3 === 2 ? null : i % 2 === 0,
    day: new Date(Date.UTC(2018, 1, 4) + i * 3_600_000).toISOString().slice(0, 10),
    at: new Date(Date.UTC(2018, 1, 4) + i * 3_600_000).toISOString(),
  }))
}

/** One system under test. */
export interface SourceSubject {
  readonly connection: SourceConnection
  /** Answered by the rows last given to `serve`, with `contractColumns`. */
  readonly request: SourceRequest
  /** Asks for a thing that is not there. */
  readonly absent: { readonly request: SourceRequest; readonly message: RegExp }
  /** Default: none. */
  readonly extensions?: Extensions
  /** The source holds exactly these rows from now on, for whoever opens it then. */
  serve(rows: readonly ContractRow[]): Promise<void>
  close(): Promise<void>
}

const ROWS = 60

/** Every sentence of `Source`'s contract (lib/connectors/source.ts), run against one real source. */
export function sourceContract(name: string, setup: () => Promise<SourceSubject>): void {
  describe(`${name} keeps the contract of Source:`, () => {
    let subject: SourceSubject
    let source: Source
    let reader: Reader

    beforeAll(async () => {
      subject = await setup()
      const temp = join('/tmp', `millrace-contract-${process.pid}-${Math.random().toString(36).slice(2)}`)
      const limits = { memoryBytes: 512 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
      reader = openReader({ limits, zone: 'UTC', temp, signal: new AbortController().signal })
      await subject.serve(contractRows(ROWS))
      source = opened()
    })
    afterAll(async () => {
      await source.close()
      await reader.close()
      await subject.close()
    })

    const opened = () => subject.connection.openSource({ reader, extensions: subject.extensions ?? NO_EXTENSIONS })

    const readOf = (more: Partial<Read> = {}): Read => ({
      dataset: 'contract',
      request: subject.request,
      columns: contractColumns,
      ...more,
    })

    /** Runs a metadata query over a relation as `land` would run its COPY. */
    const query = async (relation: Relation, sql: string, ctx: RunContext, over: 'sql' | 'located' = 'sql'): Promise<readonly MetaRow[]> =>
      (await runOver(relation, over, { dataset: 'contract', meta: { sql } }, reader, ctx.signal)).meta

    const landed = async (relation: Relation, ctx: RunContext): Promise<readonly MetaRow[]> => {
      const { sql } = selectDeclared(relation, {
        dataset: 'contract',
        columns: contractColumns,
        kind: { by: 'whole' },
        source: contractColumns,
      })
      return query(relation, `SELECT COLUMNS(*)::VARCHAR FROM (${sql}) ORDER BY id`, ctx)
    }

    const expected = (rows: readonly ContractRow[]): readonly MetaRow[] =>
      rows.map((row) => ({
        id: String(row.id),
        name: row.name,
        amount: row.amount === null ? null : row.amount.toFixed(2),
        ratio: row.ratio === null ? null : Number.isInteger(row.ratio) ? row.ratio.toFixed(1) : String(row.ratio),
        flag: row.flag === null ? null : String(row.flag),
        day: row.day,
        at: row.at.replace('T', ' ').replace(/\.000Z$/, '+00'),
      }))

    it('read gives every row, and the declared types hold', async () => {
      const ctx = testContext()
      const relation = await source.read(readOf(), ctx)
      const rows = await landed(relation, ctx)
      const byId = [...rows].sort((a, b) => Number(a.id) - Number(b.id))
      expect(byId).toEqual(expected(contractRows(ROWS)))
      const { sql } = selectDeclared(relation, {
        dataset: 'contract',
        columns: contractColumns,
        kind: { by: 'whole' },
        source: contractColumns,
      })
      const types = await query(relation, `DESCRIBE ${sql}`, ctx)
      expect(types.map((row) => [row.column_name, row.column_type])).toEqual(
        Object.entries(contractColumns).map(([column, type]) => [column, duckdbTypeFromText(type)]),
      )
      await relation.verify?.()
      await relation.close()
    })

    it('a relation has the columns of Read by name and the types of raw, without parameters', async () => {
      const ctx = testContext()
      const relation = await source.read(readOf(), ctx)
      const described = await query(relation, `DESCRIBE ${relation.sql}`, ctx)
      expect(Object.fromEntries(described.map((row) => [row.column_name, row.column_type]))).toEqual(
        Object.fromEntries(Object.entries(relation.raw).map(([column, type]) => [column, duckdbTypeFromText(type)])),
      )
      expect(Object.keys(relation.raw).sort()).toEqual(Object.keys(contractColumns).sort())
      await relation.close()
    })

    it("a relation's located holds the same rows with _file and a 1-based _row", async () => {
      const ctx = testContext()
      const relation = await source.read(readOf(), ctx)
      const [counts] = await query(
        relation,
        `SELECT count(*) AS n, count(DISTINCT (_file, _row)) AS places, min(_row) AS least, count(_file) AS files, typeof(any_value(_row)) AS type FROM (${relation.located})`,
        ctx,
        'located',
      )
      expect(counts).toEqual({ n: String(ROWS), places: String(ROWS), least: '1', files: String(ROWS), type: 'BIGINT' })
      const ids = async (over: 'sql' | 'located') =>
        query(relation, `SELECT string_agg(id::VARCHAR, ',' ORDER BY id::INT) AS ids FROM (${relation[over]})`, ctx, over)
      expect(await ids('located')).toEqual(await ids('sql'))
      await relation.close()
    })

    it('read with a window gives every row of the window', async () => {
      const ctx = testContext()
      const window = { start: new Date('2018-02-05T00:00:00Z'), end: new Date('2018-02-06T00:00:00Z'), column: 'at' }
      const relation = await source.read(readOf({ window, partition: '2018-02-05' }), ctx)
      const rows = await landed(relation, ctx)
      const inside = (row: MetaRow) => (row.at ?? '') >= '2018-02-05' && (row.at ?? '') < '2018-02-06'
      expect(rows.filter(inside)).toEqual(expected(contractRows(ROWS)).filter(inside))
      await relation.close()
    })

    it('read with a cursor gives every row at or after it', async () => {
      const ctx = testContext()
      const relation = await source.read(readOf({ cursor: { column: 'id', from: '41' } }), ctx)
      const rows = (await landed(relation, ctx)).filter((row) => Number(row.id) >= 41)
      expect(rows).toHaveLength(ROWS - 40)
      await relation.close()
      const all = await source.read(readOf({ cursor: { column: 'id' } }), ctx)
      expect(await landed(all, ctx)).toHaveLength(ROWS)
      await all.close()
    })

    it('read of fewer columns gives those', async () => {
      const ctx = testContext()
      const columns = { at: contractColumns.at, id: contractColumns.id }
      const relation = await source.read(readOf({ columns }), ctx)
      const { sql } = selectDeclared(relation, { dataset: 'contract', columns, kind: { by: 'whole' }, source: columns })
      const [first] = await query(relation, `SELECT * FROM (${sql}) ORDER BY id LIMIT 1`, ctx)
      expect(Object.keys(first ?? {})).toEqual(['at', 'id'])
      await relation.close()
    })

    it('an aborted read rejects with the reason and leaves nothing outside the workspace', async () => {
      const reason = new Error('stop')
      const before = testContext({ signal: AbortSignal.abort(reason) })
      await expect(source.read(readOf(), before)).rejects.toBe(reason)
      const controller = new AbortController()
      const during = testContext({ signal: controller.signal })
      const reading = source.read(readOf(), during).then(
        (relation) => relation.close(),
        (error: unknown) => expect(error).toBe(reason),
      )
      controller.abort(reason)
      await reading
      const again = await source.read(readOf(), testContext())
      await again.close()
    })

    it("a relation's close leaves nothing in the workspace, and may come twice", async () => {
      const ctx = testContext()
      const relation = await source.read(readOf(), ctx)
      await relation.close()
      await relation.close()
      expect(existsSync(ctx.workspace) ? await filesIn(ctx.workspace) : []).toEqual([])
    })

    it('read of what is not there names it', async () => {
      const reading = source.read(readOf({ request: subject.absent.request }), testContext())
      const error = await reading.then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(MillraceError)
      expect((error as MillraceError).message).toMatch(subject.absent.message)
      expect((error as MillraceError).place.dataset).toBe('contract')
    })

    it('describe gives columns with types that millrace has', async () => {
      const columns = await source.describe({ dataset: 'contract', request: subject.request }, testContext())
      expect(Object.keys(columns)).toEqual(Object.keys(contractColumns))
      for (const type of Object.values(columns)) expect(duckdbTypeFromText(type)).toBeTruthy()
      expect(columns.id).toMatch(/^int/)
      expect(columns.name).toBe('text')
    })

    it('describe of what is not there names it', async () => {
      const describing = source.describe({ dataset: 'contract', request: subject.absent.request }, testContext())
      await expect(describing).rejects.toThrow(subject.absent.message)
    })

    it('version is equal while nothing changes, and another one after a change', async () => {
      const ctx = testContext()
      const first = await source.version(readOf(), ctx)
      const relation = await source.read(readOf(), ctx)
      await landed(relation, ctx)
      await relation.close()
      expect(await source.version(readOf(), ctx)).toBe(first)
      await subject.serve(contractRows(ROWS + 1))
      const later = opened()
      try {
        if (first !== undefined) expect(await later.version(readOf(), ctx)).not.toBe(first)
        const changed = await later.read(readOf(), ctx)
        expect(await landed(changed, ctx)).toHaveLength(ROWS + 1)
        await changed.close()
      } finally {
        await later.close()
        await subject.serve(contractRows(ROWS))
      }
    })

    it('as many reads as `concurrency` says go at once', async () => {
      expect(source.concurrency).toBeGreaterThanOrEqual(1)
      const ctx = testContext()
      const counts = await Promise.all(
        Array.from({ length: Math.min(source.concurrency, 4) }, async () => {
          const relation = await source.read(readOf(), ctx)
          const rows = await landed(relation, ctx)
          await relation.close()
          return rows.length
        }),
      )
      expect(new Set(counts)).toEqual(new Set([ROWS]))
    })

    it('a source without rows gives none', async () => {
      await subject.serve([])
      const empty = opened()
      try {
        const ctx = testContext()
        const relation = await empty.read(readOf(), ctx)
        expect(await landed(relation, ctx)).toEqual([])
        await relation.close()
      } finally {
        await empty.close()
        await subject.serve(contractRows(ROWS))
      }
    })

    it('the connection says its kind and methods, and its settings print', () => {
      expect(subject.connection.methods).toContain(subject.request.method)
      expect(source.kind).toBe(subject.connection.kind)
      expect(() => JSON.stringify(subject.connection.settings)).not.toThrow()
    })

    it('close may come twice', async () => {
      const other = opened()
      await other.close()
      await other.close()
    })
  })
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
