import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunContext } from '../../core/context.ts'
import { ConfigError } from '../../core/errors.ts'
import type { HttpRequest, SourceRequest } from '../requests.ts'
import type { Read, Source, SourceTools } from '../source.ts'
import { client } from './client.ts'
import { columnsOfPages } from './describe.ts'
import { CONCURRENCY, type HttpOptions } from './options.ts'
import { fetchPages, type PageFile } from './pages.ts'
import { relationOfPages } from './relation.ts'
import { startService } from './start.ts'

/**
 * Opens the source of an http connection. `version` is always undefined: few services tell cheaply and reliably that nothing changed. A read by offset or page sees rows that
 * were there throughout; what is inserted or deleted while it pages may be seen twice or not at all, as with every client of such a service.
 */
export function openHttp(options: HttpOptions, tools: SourceTools): Source {
  const { shared } = tools
  const pages = client(options, shared)
  const concurrency = options.rate?.concurrency ?? CONCURRENCY
  let starting: Promise<{ readonly url: string; close(): Promise<void> }> | undefined

  async function base(): Promise<URL> {
    if (!options.start) return new URL(options.baseUrl ?? '')
    if (shared) return new URL(await shared.served())
    starting ??= startService(options.start).catch((error: unknown) => {
      starting = undefined
      throw error
    })
    return new URL((await starting).url)
  }

  /** Fetches into a folder of its own, which is gone when anything fails. */
  async function fetched<T>(
    read: Omit<Read, 'columns'>,
    ctx: RunContext,
    sample: boolean,
    use: (files: readonly PageFile[], request: HttpRequest, folder: string) => Promise<T>,
  ): Promise<T> {
    const request = httpRequest(read.request)
    if (request.each && read.parents === undefined)
      throw new ConfigError(`a request for each row of "${request.each.parent}" needs that dataset's rows`, {
        stage: 'extract',
        dataset: read.dataset,
      })
    const folder = await mkdtemp(join(ctx.workspace, 'http-'))
    try {
      const files = await fetchPages(ctx, { client: pages, base: await base(), read, request, folder, concurrency, sample })
      return await use(files, request, folder)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  return {
    kind: 'http',
    concurrency,
    describe: (read, ctx) =>
      fetched(read, ctx, true, async (files, request, folder) => {
        const columns = await columnsOfPages(files, request, read, tools.reader, ctx)
        await rm(folder, { recursive: true, force: true })
        return columns
      }),
    version: async () => undefined,
    read: (read, ctx) =>
      fetched(read, ctx, false, async (files, request, folder) => relationOfPages({ files, request, read, folder, zone: options.zone })),
    close: async () => {
      const started = starting
      starting = undefined
      await (await started?.catch(() => undefined))?.close()
    },
  }
}

function httpRequest(request: SourceRequest): HttpRequest {
  if (request.method === 'GET' || request.method === 'POST') return request
  throw new ConfigError(`an http connection answers get and post, not ${request.method}`, { stage: 'extract' })
}
