import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { files } from '../../lib/connectors/files/index.ts'
import type { FilesRequest } from '../../lib/connectors/requests.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { duckdbTypeFromText } from '../../lib/engines/types.ts'
import { type ContractRow, contractColumns, sourceContract } from './source.ts'

/** A folder with one file, which `write` fills with rows. */
function folderWith(
  name: string,
  write: (rows: readonly ContractRow[], path: string) => Promise<void>,
  request: Partial<FilesRequest> = {},
) {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-files-'))
    return {
      connection: files(folder),
      request: { method: 'files', paths: [name], ...request } as const,
      absent: { request: { method: 'files', paths: ['nowhere-*.csv'] } as const, message: /no file matches "nowhere-\*\.csv" in / },
      serve: (rows: readonly ContractRow[]) => write(rows, join(folder, name)),
      close: () => rm(folder, { recursive: true, force: true }),
    }
  }
}

const cell = (value: unknown): string => {
  if (value === null) return ''
  const text = String(value)
  return text === '' || /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const csvText = (rows: readonly ContractRow[]): string =>
  [Object.keys(contractColumns).join(','), ...rows.map((row) => Object.values(row).map(cell).join(','))].map((line) => `${line}\n`).join('')

async function writeParquet(rows: readonly ContractRow[], path: string): Promise<void> {
  const json = `${path}.ndjson`
  await writeFile(json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 1, temp: `${path}.tmp` })
  const types = Object.entries(contractColumns).map(([name, type]) => `"${name}": '${duckdbTypeFromText(type)}'`)
  try {
    await db.run(
      `COPY (FROM read_json('${json}', format = 'newline_delimited', columns = {${types.join(', ')}})) TO '${path}' (FORMAT parquet)`,
    )
  } finally {
    db.close()
    await rm(json)
  }
}

sourceContract(
  'files of CSV',
  folderWith('rows.csv', (rows, path) => writeFile(path, csvText(rows))),
)
sourceContract(
  'files of gzipped CSV',
  folderWith('rows.csv.gz', (rows, path) => writeFile(path, gzipSync(csvText(rows)))),
)
sourceContract(
  'files of UTF-16 TSV',
  folderWith('rows.tsv', (rows, path) => writeFile(path, Buffer.from(`\uFEFF${csvText(rows)}`, 'utf16le')), {
    encoding: 'utf-16',
    delimiter: ',',
  }),
)
sourceContract(
  'files of JSON',
  folderWith('rows.json', (rows, path) => writeFile(path, JSON.stringify(rows))),
)
sourceContract('files of Parquet', folderWith('rows.parquet', writeParquet))
