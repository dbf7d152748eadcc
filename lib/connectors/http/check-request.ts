import { ConfigError } from '../../core/errors.ts'
import { requireKnown, requireOneOf } from '../../core/known-options.ts'
import { checkFormat } from '../../formats/dialect.ts'
import type { HttpRequest, Paging } from '../requests.ts'
import { refuseUnknown } from './placeholders.ts'

type By<K extends Paging['by']> = Readonly<Record<keyof Extract<Paging, { readonly by: K }>, true>>

const OFFSET: By<'offset'> = { by: true, parameter: true, limitParameter: true, limit: true, first: true }
const PAGE: By<'page'> = { by: true, parameter: true, first: true, sizeParameter: true, size: true }
const CURSOR: By<'cursor'> = { by: true, parameter: true, next: true }
const LINK: By<'link'> = { by: true }

/** `SourceConnection.checkRequest` of a service. */
export function checkRequest(request: HttpRequest): void {
  const { path, query, headers, format = 'json', rows, paging, each, csv } = request
  requireOneOf('format', format, ['json', 'ndjson', 'csv'])
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(path))
    throw new ConfigError(`path ${JSON.stringify(path)} is a whole address; expected what follows the connection's base URL`)
  refuseUnknown(path, 'path', each?.column)
  for (const [name, value] of Object.entries(query ?? {}))
    if (typeof value === 'string') refuseUnknown(value, `query parameter "${name}"`, each?.column)
  checkHeaderNames(headers)
  if (rows !== undefined) {
    if (format !== 'json') throw new ConfigError(`rows ${JSON.stringify(rows)} leads into a JSON body, and format is ${format}`)
    if (rows.split('.').includes('')) throw new ConfigError(`rows ${JSON.stringify(rows)} has an empty key; expected keys between dots`)
  }
  if (csv !== undefined) {
    if (format !== 'csv') throw new ConfigError(`csv says how CSV bodies are written, and format is ${format}`)
    checkFormat(csv)
  }
  if (paging !== undefined) checkPaging(paging, format)
}

/** @throws ConfigError for a name that no header can have */
export function checkHeaderNames(headers: HttpRequest['headers']): void {
  for (const name of Object.keys(headers ?? {}))
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new ConfigError(`${JSON.stringify(name)} is not a header's name`)
}

function checkPaging(paging: Paging, format: NonNullable<HttpRequest['format']>): void {
  requireOneOf('paging', paging.by, ['offset', 'page', 'cursor', 'link'])
  const of = `paging by ${paging.by}`
  switch (paging.by) {
    case 'offset':
      requireKnown(of, paging, OFFSET)
      named(of, 'parameter', paging.parameter)
      named(of, 'limitParameter', paging.limitParameter)
      whole(of, 'limit', paging.limit, 1)
      whole(of, 'first', paging.first, 0)
      return
    case 'page':
      requireKnown(of, paging, PAGE)
      named(of, 'parameter', paging.parameter)
      whole(of, 'first', paging.first, 0)
      if (paging.size !== undefined) whole(of, 'size', paging.size, 1)
      if (paging.sizeParameter === undefined) return
      named(of, 'sizeParameter', paging.sizeParameter)
      if (paging.size === undefined) throw new ConfigError(`${of} has a sizeParameter "${paging.sizeParameter}" and no size to send`)
      return
    case 'cursor':
      requireKnown(of, paging, CURSOR)
      named(of, 'parameter', paging.parameter)
      named(of, 'next', paging.next)
      if (format === 'csv') throw new ConfigError(`${of} looks for the next cursor in a JSON body, and format is csv`)
      return
    case 'link':
      requireKnown(of, paging, LINK)
  }
}

function named(of: string, setting: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw new ConfigError(`${of} needs a ${setting}`)
}

function whole(of: string, setting: string, value: unknown, least: number): void {
  if (!(Number.isSafeInteger(value) && Number(value) >= least))
    throw new ConfigError(`${setting} ${JSON.stringify(value)} of ${of} must be a whole number of at least ${least}`)
}
