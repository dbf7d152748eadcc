import { rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Columns } from '../../core/dataset.ts'
import { quoteIdentifier, quoteLiteral } from '../../core/quote.ts'
import { emptyRelation } from '../../engines/relation.ts'
import { jsonTypes } from '../../formats/json.ts'
import type { HttpRequest } from '../requests.ts'
import type { Read, Relation } from '../source.ts'
import type { PageFile } from './pages.ts'
import { FILE, ROW, rowsOfPages } from './rows.ts'

export interface PagesRead {
  readonly files: readonly PageFile[]
  readonly request: HttpRequest
  readonly read: Read
  readonly folder: string
  readonly zone: string | undefined
}

/** The relation over the pages of a read; `folder` goes with it. @throws CheckError when a CSV page lacks a declared column */
export async function relationOfPages({ files, request, read, folder, zone }: PagesRead): Promise<Relation> {
  const parentColumn = request.each && `parent_${request.each.column}`
  const shapes = request.format === 'csv' ? {} : jsonTypes(read.columns)
  const raw: Columns = Object.fromEntries(
    Object.keys(read.columns).map((name) => [name, name === parentColumn ? 'text' : (shapes[name] ?? 'text')]),
  )
  const common = {
    raw,
    before: [],
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    ...(zone !== undefined && { zone }),
    called: (name: string) => files.find(({ file }) => basename(file) === name)?.url,
    close: () => rm(folder, { recursive: true, force: true }),
  }
  if (files.length === 0) return { ...common, sql: emptyRelation(raw), located: emptyRelation({ ...raw, _file: 'text', _row: 'int64' }) }
  const index = join(folder, 'pages.jsonl')
  await writeFile(index, files.map(({ file, url, parent }) => `${JSON.stringify({ file, url, parent: parent ?? null })}\n`).join(''))
  const own = Object.fromEntries(Object.entries(raw).filter(([name]) => name !== parentColumn))
  const rows = await rowsOfPages(files, request, own, read.dataset)
  const list = Object.keys(raw).map((name) =>
    name === parentColumn ? `p.parent AS ${quoteIdentifier(name)}` : `r.${quoteIdentifier(name)}`,
  )
  const joined = (source: string, more: readonly string[]) =>
    `SELECT ${[...list, ...more].join(', ')} FROM (${source}) AS r JOIN ${pageIndex(index)} AS p ON p.file = r.${FILE}`
  return {
    ...common,
    sql: parentColumn === undefined ? `SELECT ${list.join(', ')} FROM (${rows.plain}) AS r` : joined(rows.plain, []),
    located: joined(rows.numbered, ['p.url AS _file', `r.${ROW} AS _row`]),
  }
}

function pageIndex(path: string): string {
  const columns = `{'file': 'VARCHAR', 'url': 'VARCHAR', 'parent': 'VARCHAR'}`
  return `read_json(${quoteLiteral(path)}, auto_detect = false, format = 'newline_delimited', columns = ${columns})`
}
