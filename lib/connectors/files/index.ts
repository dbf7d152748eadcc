import { resolve } from 'node:path'
import { ConfigError } from '../../core/errors.ts'
import { type KnownOptions, requireKnown } from '../../core/known-options.ts'
import { late, lateSource } from '../late.ts'
import type { SourceConnection } from '../source.ts'
import { checkRequest } from './check-request.ts'

/** How a folder of files is read. */
export interface FilesOptions {
  /** IANA zone of naive timestamps in the files, where a column is declared timestamptz or cuts partitions. Default: the zone of the pipeline's partitions. */
  readonly zone?: string
  /** How many datasets are read at once. Default 4. */
  readonly concurrency?: number
}

const OPTIONS: KnownOptions<FilesOptions> = { zone: true, concurrency: true }

/**
 * A connection to a folder of files: CSV, TSV, JSON, NDJSON, Parquet, Arrow. A relative folder is taken from the project's folder.
 * @throws ConfigError for a folder or concurrency that cannot be
 */
export function files(folder: string, options: FilesOptions = {}): SourceConnection {
  requireKnown('files()', options, OPTIONS)
  const concurrency = options.concurrency ?? 4
  if (folder === '') throw new ConfigError('files() needs a folder')
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new ConfigError(`files() concurrency must be 1 or more, not ${concurrency}`)
  return {
    kind: 'files',
    methods: ['files'],
    checkRequest: (request) => {
      if (request.method === 'files') checkRequest(request)
    },
    settings: { folder, concurrency, ...(options.zone !== undefined && { zone: options.zone }) },
    ...(options.zone !== undefined && { zone: options.zone }),
    // Of a Parquet file row groups of other windows are passed over.
    readsWhole: (request) =>
      request.method === 'files' &&
      !request.paths.some((path) => path.includes('{partition}') || /\.(parquet|arrow|arrows|ipc|feather)$/.test(path)),
    openSource: ({ reader }) => {
      const path = resolve(folder)
      return lateSource(
        { kind: 'files', concurrency },
        late(async () => (await import('./source.ts')).openFiles(path, concurrency, options.zone, reader)),
      )
    },
    check: async (ctx) => (await import('./check.ts')).checkFolder(resolve(folder), ctx.requests),
  }
}
