import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import type { Columns } from '../../core/dataset.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'
import { ConfigError, placed, TransientError } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'
import type { Reader } from '../../engines/reader.ts'
import { describeForeignFiles } from '../../formats/describe.ts'
import { relationOfForeignFiles } from '../../formats/foreign-files.ts'
import type { FilesRequest, SourceRequest } from '../requests.ts'
import type { Read, Relation, Source } from '../source.ts'
import { type FoundFile, findFiles } from './find-files.ts'

/** Opens the source of a folder, which is absolute; `zone` is that of naive times. */
export function openFiles(folder: string, concurrency: number, zone: string | undefined, reader: Reader): Source {
  const find = (dataset: string, request: SourceRequest, partition: string | undefined) => {
    if (request.method !== 'files') throw new ConfigError(`a folder of files does not answer ${request.method}`, { dataset })
    return findFiles(folder, request.paths, partition)
  }
  return {
    kind: 'files',
    concurrency,
    version: async ({ dataset, request, partition }) => {
      const found = await placing(dataset, find(dataset, request, partition))
      return hashOf(found.map(({ name, bytes, stamp }) => [name, bytes, stamp]))
    },
    describe: async ({ dataset, request, partition }, ctx) => {
      ctx.signal.throwIfAborted()
      return withFolder(ctx, (temp) =>
        placing(
          dataset,
          (async (): Promise<Columns> => {
            const found = await find(dataset, request, partition)
            return describeForeignFiles({ dataset, files: found, options: optionsOf(request), reader, signal: ctx.signal, folder: temp })
          })(),
        ),
      )
    },
    read: (read, ctx) => placing(read.dataset, readFiles(read, ctx)),
    close: async () => undefined,
  }

  async function readFiles(read: Read, ctx: RunContext): Promise<Relation> {
    ctx.signal.throwIfAborted()
    const { dataset, request, columns, partition } = read
    const found = await find(dataset, request, partition)
    const temp = join(ctx.workspace, `files-${randomUUID()}`)
    const close = () => rm(temp, { recursive: true, force: true })
    try {
      const relation = await relationOfForeignFiles({
        dataset,
        files: found,
        options: optionsOf(request),
        columns,
        reader,
        signal: ctx.signal,
        folder: temp,
      })
      return {
        ...relation,
        before: [],
        ...(zone !== undefined && { zone }),
        names: found.map(({ name }) => name),
        bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
        verify: async () => {
          const now = await placing(dataset, find(dataset, request, partition))
          const changed = changedFile(found, now)
          if (changed !== undefined)
            throw new TransientError(`${changed} changed while it was read`, {
              dataset,
              file: changed,
              hint: 'run again when it is complete',
            })
        },
        close,
      }
    } catch (error) {
      await close()
      throw error
    }
  }
}

function optionsOf(request: SourceRequest) {
  const { method: _, paths: __, ...options } = request as FilesRequest
  return options
}

async function withFolder<T>(ctx: RunContext, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(ctx.workspace, `files-${randomUUID()}`)
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function placing<T>(dataset: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const path = error instanceof Error && 'path' in error ? String(error.path) : 'a source file'
    throw placed(refusedByDisk(error, path), { dataset })
  }
}

/** The first file that is not as it was, or is new, or is gone. */
function changedFile(before: readonly FoundFile[], after: readonly FoundFile[]): string | undefined {
  const then = new Map(before.map((file) => [file.name, file]))
  for (const { name, bytes, stamp } of after) {
    const was = then.get(name)
    if (!was || was.bytes !== bytes || was.stamp !== stamp) return name
    then.delete(name)
  }
  return then.keys().next().value
}
