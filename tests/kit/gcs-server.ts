import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type FaultRule, faultPlan } from './gcs/faults.ts'
import { handlerOf, type Recorded } from './gcs/handler.ts'
import { objectsIn } from './gcs/objects.ts'
import { uploadsOf } from './gcs/uploads.ts'

export type { Fault, FaultRule } from './gcs/faults.ts'
export type { Recorded } from './gcs/handler.ts'

export interface GcsServerOptions {
  /** Default: `bucket`. */
  readonly buckets?: readonly string[]
  /** Where objects and sessions lie; a server on the same folder goes on with them. Default: a temporary folder, removed when it is closed. */
  readonly folder?: string
  readonly port?: number
  readonly faults?: readonly FaultRule[]
  /** Every request needs a token that `/token` has issued and that was not revoked. */
  readonly requireToken?: boolean
  /** Key and certificate, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** How much one call of rewrite copies. Default: everything. */
  readonly rewriteBytes?: number
  /** The most items of a page of a list. Default 1000. */
  readonly pageSize?: number
  /** A broken twin of a bucket: whatever a request expects of an object, it is done. */
  readonly ignorePreconditions?: boolean
}

/** A server of the JSON API of Cloud Storage that keeps Google's rules for uploads, generations, preconditions and checksums, fails as it is told, and remembers what was asked. */
export interface GcsServer extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly Recorded[]
  fail(...rules: FaultRule[]): void
  /** Forgets faults and requests. */
  calm(): void
  /** What tokens were issued until now are refused from now on. */
  revokeTokens(): void
  /** Names and contents, without asking by HTTP. */
  names(bucket?: string): string[]
  close(): Promise<void>
}

export async function startGcsServer(options: GcsServerOptions = {}): Promise<GcsServer> {
  const { buckets = ['bucket'], port = 0, tls } = options
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'millrace-gcs-'))
  const objects = objectsIn(folder, buckets)
  const plan = faultPlan(options.faults)
  const requests: Recorded[] = []
  const tokens = { issued: 0, valid: new Set<string>() }
  const handle = handlerOf({
    ...{ objects, uploads: uploadsOf(objects), plan, requests, tokens },
    requireToken: options.requireToken ?? false,
    rewriteBytes: options.rewriteBytes ?? Number.POSITIVE_INFINITY,
    pageSize: options.pageSize ?? 1000,
    ignorePreconditions: options.ignorePreconditions ?? false,
    baseUrl: () => url,
  })
  const listener = (request: IncomingMessage, response: ServerResponse) => void handle(request, response)
  const server: Server = tls ? createTlsServer(tls, listener) : createServer(listener)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  }
  return {
    url,
    requests,
    fail: (...rules) => plan.add(rules),
    calm: () => {
      plan.clear()
      requests.length = 0
    },
    revokeTokens: () => tokens.valid.clear(),
    names: (bucket = 'bucket') => objects.names(bucket),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** As a process of its own, for harnesses that kill the client: `node tests/kit/gcs-server.ts --folder F [--port P] [--bucket B]… [--faults JSON] [--ignore-preconditions]` prints its URL and runs until SIGTERM. */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      folder: { type: 'string' },
      port: { type: 'string' },
      bucket: { type: 'string', multiple: true },
      faults: { type: 'string' },
      'ignore-preconditions': { type: 'boolean', default: false },
    },
  })
  const server = await startGcsServer({
    ...(values.folder !== undefined && { folder: values.folder }),
    ...(values.port !== undefined && { port: Number(values.port) }),
    ...(values.bucket !== undefined && { buckets: values.bucket }),
    ...(values.faults !== undefined && { faults: JSON.parse(values.faults) as FaultRule[] }),
    ignorePreconditions: values['ignore-preconditions'],
  })
  console.log(server.url)
  process.once('SIGTERM', () => void server.close())
}

if (import.meta.main) await main(process.argv.slice(2))
