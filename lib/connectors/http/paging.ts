import { CheckError } from '../../core/errors.ts'
import type { Paging } from '../requests.ts'

/** Where in a sequence of pages a request stands. */
export interface Position {
  /** 1-based. */
  readonly page: number
  /** Parameters that ask for this page. */
  readonly parameters: Readonly<Record<string, string | number>>
  /** The whole URL of this page, given by the one before. */
  readonly url?: string
}

/** What a page said, as far as the next one depends on it. */
export interface Arrived {
  readonly rows: number
  readonly rowsHash: string
  readonly next?: string
  /** The `Link` header. */
  readonly link?: string
  /** The URL that was asked, which relative links belong to. */
  readonly url: string
  /** The same for people, without secrets. */
  readonly shown: string
}

/** The position of the first page. */
export function firstPage(paging: Paging | undefined): Position {
  return { page: 1, parameters: parametersOf(paging, 0) }
}

/** The position after a page, or undefined when it was the last. @throws CheckError when the service gives more rows than were asked for. */
export function nextPage(paging: Paging | undefined, at: Position, arrived: Arrived): Position | undefined {
  const page = at.page + 1
  switch (paging?.by) {
    case 'offset':
      if (arrived.rows > paging.limit) throw tooMany(arrived, paging.limit, paging.limitParameter)
      return arrived.rows < paging.limit ? undefined : { page, parameters: parametersOf(paging, at.page) }
    case 'page':
      if (paging.size !== undefined && arrived.rows > paging.size) throw tooMany(arrived, paging.size, paging.sizeParameter)
      return arrived.rows < (paging.size ?? 1) ? undefined : { page, parameters: parametersOf(paging, at.page) }
    case 'cursor':
      return arrived.next === undefined ? undefined : { page, parameters: { [paging.parameter]: arrived.next } }
    case 'link': {
      const url = nextLink(arrived.link, arrived.url)
      return url === undefined ? undefined : { page, parameters: {}, url }
    }
    default:
      return undefined
  }
}

/** Finds pages that come again: a service that ignores its paging parameter, or names the same next page for ever. @throws CheckError */
export function repeatGuard(): (at: Position, arrived: Arrived, next: Position | undefined) => void {
  const asked = new Map<string, number>()
  const contents = new Map<string, number>()
  const refuse = (page: number, earlier: number | undefined, shown: string) => {
    if (earlier === undefined) return
    throw new CheckError(`page repeats: page ${page} of ${shown} is page ${earlier} again`, {
      stage: 'extract',
      hint: 'look up how the service pages, and say so under paging: it may not know these parameters',
    })
  }
  return (at, arrived, next) => {
    if (arrived.rows > 0) {
      refuse(at.page, contents.get(arrived.rowsHash), arrived.shown)
      contents.set(arrived.rowsHash, at.page)
    }
    asked.set(at.url ?? JSON.stringify(at.parameters), at.page)
    if (next) refuse(next.page, asked.get(next.url ?? JSON.stringify(next.parameters)), arrived.shown)
  }
}

function parametersOf(paging: Paging | undefined, index: number): Readonly<Record<string, number>> {
  if (paging?.by === 'offset') return { [paging.limitParameter]: paging.limit, [paging.parameter]: paging.first + index * paging.limit }
  if (paging?.by !== 'page') return {}
  const size = paging.sizeParameter !== undefined && paging.size !== undefined ? { [paging.sizeParameter]: paging.size } : {}
  return { ...size, [paging.parameter]: paging.first + index }
}

function tooMany(arrived: Arrived, asked: number, parameter = 'size'): CheckError {
  return new CheckError(`${arrived.shown} gave ${arrived.rows} rows where ${parameter} asked for ${asked}`, {
    stage: 'extract',
    hint: `the service does not heed "${parameter}", so its pages cannot be told apart`,
  })
}

/** A parameter of a link: its name, and its value as a quoted text, in which a backslash stands before a quote, or as a token. */
const PARAMETER = /\s*;\s*([\w*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?/g
const LINK = /<([^>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)*)/g

/** The target of `rel="next"` in a Link header (RFC 8288), absolute. */
export function nextLink(header: string | undefined, base: string): string | undefined {
  for (const [, target, parameters] of (header ?? '').matchAll(LINK)) {
    const [, , quoted, token] = [...(parameters ?? '').matchAll(PARAMETER)].find(([, name]) => name?.toLowerCase() === 'rel') ?? []
    const relations = (quoted?.replace(/\\(.)/g, '$1') ?? token ?? '').toLowerCase().split(/\s+/)
    if (relations.includes('next')) return new URL(target ?? '', base).href
  }
  return undefined
}
