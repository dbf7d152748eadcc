import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import { placed } from '../../core/errors.ts'
import type { HttpRequest } from '../requests.ts'
import type { Read } from '../source.ts'
import type { Client } from './client.ts'
import { ask } from './outgoing.ts'
import { type Arrived, firstPage, nextPage, type Position, repeatGuard } from './paging.ts'
import { placeholdersOf } from './placeholders.ts'

/** A page's rows in a file of the workspace. */
export interface PageFile {
  readonly file: string
  /** Where it came from, for people, without secrets: different for each page. */
  readonly url: string
  readonly bytes: number
  /** The parent row's value that it was asked for. */
  readonly parent?: string
}

export interface PagesOptions {
  readonly client: Client
  readonly base: URL
  readonly read: Omit<Read, 'columns'>
  readonly request: HttpRequest
  /** A folder of this read alone. */
  readonly folder: string
  readonly concurrency: number
  /** The first page of the first parent alone, as a sample. */
  readonly sample?: boolean
}

/**
 * Fetches all pages that a read asks for, those of one parent in order, those of several parents side by side. Pages without rows leave no file. The first failure stops the others.
 * @throws CheckError when a page comes twice.
 */
export async function fetchPages(ctx: RunContext, options: PagesOptions): Promise<readonly PageFile[]> {
  const { read, request, concurrency, sample } = options
  const parents: readonly (string | undefined)[] = request.each ? (read.parents ?? []) : [undefined]
  const found: PageFile[][] = []
  const stop = new AbortController()
  const inner = {
    ...ctx,
    signal: AbortSignal.any([ctx.signal, stop.signal]),
    emit: (event: Parameters<RunContext['emit']>[0]) => ctx.emit(event),
  }
  const progress = progressOf(ctx, read.dataset)
  let index = 0
  const worker = async () => {
    for (let at = index++; at < (sample ? Math.min(1, parents.length) : parents.length); at = index++)
      found[at] = await fetchSequence(inner, options, parents[at], at, progress)
  }
  const workers = Array.from({ length: Math.min(concurrency, parents.length) }, () =>
    worker().catch((error: unknown) => {
      stop.abort(error)
      throw error
    }),
  )
  await Promise.allSettled(workers)
  await Promise.all(workers).catch((error: unknown) => {
    throw stop.signal.aborted && !ctx.signal.aborted ? stop.signal.reason : error
  })
  return found.flat()
}

async function fetchSequence(
  ctx: RunContext,
  { client, base, read, request, folder, sample }: PagesOptions,
  parent: string | undefined,
  index: number,
  progress: (rows: number, bytes: number) => void,
): Promise<PageFile[]> {
  const files: PageFile[] = []
  const guard = repeatGuard()
  try {
    const known = placeholdersOf(read, parent)
    for (let at: Position | undefined = firstPage(request.paging); at; ) {
      const asked = ask(base, request, known, at)
      const file = join(folder, `${name(index)}-${name(at.page)}.${request.format ?? 'json'}`)
      const page = await client.fetchPage(ctx, { dataset: read.dataset, request, base, asked, page: at.page, file })
      const arrived: Arrived = { ...page, shown: client.shown(asked.url) }
      if (page.rows > 0)
        files.push({
          file,
          url: placeOf(request, arrived.shown, at.page, parent),
          bytes: page.bytes,
          ...(parent !== undefined && { parent }),
        })
      else await rm(file, { force: true })
      progress(page.rows, page.bytes)
      if (sample) break
      const next = nextPage(request.paging, at, arrived)
      guard(at, arrived, next)
      at = next
    }
  } catch (error) {
    throw placed(error, { stage: 'extract', dataset: read.dataset })
  }
  return files
}

/** Pages of a POST have one URL: what tells them apart stands in their bodies. */
function placeOf(request: HttpRequest, shown: string, page: number, parent: string | undefined): string {
  if (request.method === 'GET') return shown
  return `${shown} page ${page}${parent === undefined ? '' : ` for ${request.each?.column} ${JSON.stringify(parent)}`}`
}

function name(index: number): string {
  return String(index).padStart(6, '0')
}

function progressOf(ctx: RunContext, dataset: string): (rows: number, bytes: number) => void {
  let [allRows, allBytes] = [0, 0]
  return (rows, bytes) => {
    allRows += rows
    allBytes += bytes
    ctx.emit({ type: 'progress', stage: 'extract', dataset, rows: allRows, bytes: allBytes })
  }
}
