import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { http } from '../../lib/connectors/http/index.ts'
import type { HttpRequest } from '../../lib/connectors/requests.ts'
import { type ContractRow, contractColumns, sourceContract } from './source.ts'

type Answer = (rows: readonly ContractRow[], query: URLSearchParams, response: ServerResponse, request: IncomingMessage) => void

/** A service whose `/rows` answers with `answer`; all else is 404. */
function serviceWith(answer: Answer, request: Partial<HttpRequest>) {
  return async () => {
    let rows: readonly ContractRow[] = []
    const server = createServer((incoming, response) => {
      const url = new URL(incoming.url ?? '/', 'http://localhost')
      if (url.pathname === '/v1/rows') answer(rows, url.searchParams, response, incoming)
      else response.writeHead(404, { 'content-type': 'text/plain' }).end('no such thing')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
    return {
      connection: http({ baseUrl: `${url}/v1` }),
      request: { method: 'GET', path: '/rows', ...request } as const,
      absent: {
        request: { method: 'GET', path: '/nowhere' } as const,
        message: /^page 1 of GET http:.*\/v1\/nowhere was answered 404 Not Found: "no such thing"$/,
      },
      serve: async (given: readonly ContractRow[]) => {
        rows = given
      },
      close: () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        }),
    }
  }
}

const json = (response: ServerResponse, body: unknown, headers = {}) =>
  void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

const cell = (value: unknown): string => {
  if (value === null) return ''
  const text = String(value)
  return text === '' || /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Cuts by time where it is asked to, the end inclusive: more than the window, as such services do. */
function inWindow(rows: readonly ContractRow[], query: URLSearchParams): readonly ContractRow[] {
  const [from, to] = [query.get('from'), query.get('to')]
  return rows.filter(({ at }) => (from === null || Date.parse(at) >= Date.parse(from)) && (to === null || Date.parse(at) <= Date.parse(to)))
}

sourceContract(
  'http with JSON at a path, by offset',
  serviceWith(
    (rows, query, response) => {
      const first = Number(query.get('offset')) - 1
      const page = inWindow(rows, query).slice(first, first + Number(query.get('limit')))
      if (page.length === 0) response.writeHead(204).end()
      else json(response, { meta: { count: page.length }, data: { rows: page } })
    },
    { rows: 'data.rows', paging: { by: 'offset', parameter: 'offset', limitParameter: 'limit', limit: 25, first: 1 } },
  ),
)
sourceContract(
  'http with a JSON array, by Link header',
  serviceWith(
    (rows, query, response) => {
      const page = Number(query.get('page') ?? 0)
      json(
        response,
        rows.slice(page * 40, page * 40 + 40),
        page * 40 + 40 < rows.length ? { link: `<rows?page=${page + 1}>; rel="next"` } : {},
      )
    },
    { paging: { by: 'link' } },
  ),
)
sourceContract(
  'http with JSON, by cursor in a POST body',
  serviceWith(
    async (rows, _query, response, request) => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      const after = Number(JSON.parse(body).after ?? 0)
      json(response, { rows: rows.slice(after, after + 30), next: after + 30 < rows.length ? after + 30 : null })
    },
    { method: 'POST', body: { all: true }, rows: 'rows', paging: { by: 'cursor', parameter: 'after', next: 'next' } },
  ),
)
sourceContract(
  'http with NDJSON, cut by a cursor',
  serviceWith(
    (rows, query, response) => {
      const since = Number(query.get('since') ?? 0)
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.end(
        rows
          .filter(({ id }) => id >= since)
          .map((row) => `${JSON.stringify(row)}\n`)
          .join(''),
      )
    },
    { format: 'ndjson', query: { since: '{cursor}' } },
  ),
)
sourceContract(
  'http with CSV, by page',
  serviceWith(
    (rows, query, response) => {
      const page = Number(query.get('page'))
      const lines = rows.slice(page * 20, page * 20 + 20).map((row) => Object.values(row).map(cell).join(','))
      response
        .writeHead(200, { 'content-type': 'text/csv' })
        .end([Object.keys(contractColumns).join(','), ...lines].map((line) => `${line}\n`).join(''))
    },
    { format: 'csv', paging: { by: 'page', parameter: 'page', first: 0, size: 20 } },
  ),
)
