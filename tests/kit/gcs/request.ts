import type { IncomingMessage } from 'node:http'

export type Operation =
  | 'insert'
  | 'start'
  | 'chunk'
  | 'status'
  | 'cancel'
  | 'head'
  | 'media'
  | 'list'
  | 'patch'
  | 'delete'
  | 'copy'
  | 'rewrite'
  | 'compose'
  | 'token'
  | 'unknown'

/** A request as its address and headers tell it. */
export interface Asked {
  readonly operation: Operation
  readonly bucket: string
  readonly name: string
  /** Of copies. */
  readonly to?: { readonly bucket: string; readonly name: string }
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
}

const OBJECT = /^\/storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+))?(?:\/(copyTo|rewriteTo|compose)(?:\/b\/([^/]+)\/o\/([^/]+))?)?$/

export function askedOf({ method, url = '/', headers }: IncomingMessage): Asked {
  const { pathname, searchParams: query } = new URL(url, 'http://here')
  const asked = (operation: Operation, bucket = '', name = '') => ({ operation, bucket, name, query, headers })
  if (pathname === '/token' && method === 'POST') return asked('token')
  const upload = /^(?:\/resumable)?\/upload\/storage\/v1\/b\/([^/]+)\/o$/.exec(pathname)
  if (upload) return asked(uploadOf(method, query, headers), decode(upload[1]), query.get('name') ?? '')
  const [, bucket, name, verb, toBucket, toName] = OBJECT.exec(pathname) ?? []
  if (bucket === undefined) return asked('unknown')
  const own = asked('unknown', decode(bucket), decode(name))
  if (verb === 'compose') return { ...own, operation: method === 'POST' ? 'compose' : 'unknown' }
  if (verb) {
    const to = { bucket: decode(toBucket), name: decode(toName) }
    return { ...own, operation: method === 'POST' ? (verb === 'copyTo' ? 'copy' : 'rewrite') : 'unknown', to }
  }
  if (name === undefined) return { ...own, operation: method === 'GET' ? 'list' : 'unknown' }
  if (method === 'GET') return { ...own, operation: query.get('alt') === 'media' ? 'media' : 'head' }
  return { ...own, operation: method === 'DELETE' ? 'delete' : method === 'PATCH' ? 'patch' : 'unknown' }
}

function uploadOf(method: string | undefined, query: URLSearchParams, headers: IncomingMessage['headers']): Operation {
  if (query.has('upload_id')) {
    if (method === 'DELETE') return 'cancel'
    return headers['content-range']?.startsWith('bytes */') ? 'status' : 'chunk'
  }
  return query.get('uploadType') === 'resumable' ? 'start' : 'insert'
}

const decode = (text: string | undefined): string => decodeURIComponent(text ?? '')
