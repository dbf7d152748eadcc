import { ConfigError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import type { HttpRequest } from '../requests.ts'
import { type Credential, confide } from './auth.ts'
import type { Outgoing } from './exchange.ts'
import type { Position } from './paging.ts'
import { encodeUrl, fillBody, fillPath, fillQuery, type Placeholders } from './placeholders.ts'

const FORMATS = { json: 'application/json', ndjson: 'application/x-ndjson, application/json', csv: 'text/csv' } as const

/** What is asked, before credentials. */
export interface Asked {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly body?: string
}

/**
 * The request for one page: placeholders filled, paging parameters in the query, or in the body of a POST whose body is an object. A page whose URL the one before gave (Link header) is asked at
 * exactly that URL.
 */
export function ask(base: URL, request: HttpRequest, known: Placeholders, at: Position): Asked {
  const body = request.method === 'POST' && request.body !== undefined ? fillBody(request.body, known) : undefined
  const pagesInBody = body !== null && typeof body === 'object' && !Array.isArray(body)
  const url = at.url === undefined ? urlOf(base, request, known, pagesInBody ? {} : at.parameters) : new URL(at.url)
  const text = pagesInBody ? JSON.stringify({ ...body, ...at.parameters }) : JSON.stringify(body)
  return { method: request.method, url, ...(text !== undefined && { body: text }) }
}

function urlOf(base: URL, request: HttpRequest, known: Placeholders, paging: Position['parameters']): URL {
  const [path = '', ...queries] = fillPath(request.path, known).split('?')
  const url = new URL(base)
  if (path !== '') url.pathname = `${base.pathname.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`
  const own = Object.entries(request.query ?? {}).flatMap(([name, value]) => {
    const filled = name in paging ? undefined : value instanceof Secret ? value.reveal() : fillQuery(name, String(value), known)
    return filled === undefined ? [] : [pair(name, filled)]
  })
  const pages = Object.entries(paging).map(([name, value]) => pair(name, String(value)))
  url.search = [base.search.slice(1), queries.join('?'), ...own, ...pages].filter((part) => part !== '').join('&')
  return url
}

/** Adds headers and credentials, which go to the origin of the base URL and nowhere else. */
export function send(asked: Asked, base: URL, request: HttpRequest, headers: Outgoing['headers'], credential: Credential): Outgoing {
  const neutral = {
    accept: FORMATS[request.format ?? 'json'],
    ...(asked.body !== undefined && { 'content-type': 'application/json' }),
  }
  const common = { method: asked.method, ...(asked.body !== undefined && { body: asked.body }) }
  if (asked.url.origin !== base.origin) return { ...common, url: asked.url, headers: neutral }
  const url = new URL(asked.url)
  const names = Object.keys(credential.query)
  const others = url.search
    .slice(1)
    .split('&')
    .filter((part) => part !== '' && !names.includes(decode(part.split('=')[0] ?? '')))
  if (names.length > 0) url.search = [...others, ...Object.entries(credential.query).map(([name, value]) => pair(name, value))].join('&')
  const all = { ...neutral, ...lowerCased(headers), ...credential.headers }
  for (const [name, value] of Object.entries(all)) checkHeader(name, value)
  return { ...common, url, headers: all }
}

/** Header settings as text, secrets revealed. */
export function headersOf(headers: HttpRequest['headers']): Record<string, string> {
  return lowerCased(
    Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, value instanceof Secret ? confide(value) : value])),
  )
}

/** fetch would refuse it too, but as if the network had failed. */
function checkHeader(name: string, value: string): void {
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new ConfigError(`${JSON.stringify(name)} is not a header's name`, { stage: 'extract' })
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value.trim()))
    throw new ConfigError(`the value of header "${name}" has characters that a header cannot carry`, { stage: 'extract' })
}

function lowerCased(headers: Outgoing['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function pair(name: string, value: string): string {
  return `${encodeUrl(name)}=${encodeUrl(value)}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
