import type { SourceRequest } from '../connectors/requests.ts'

/** What is asked of a connection, for people, on one line: paths, `POST search`, `public.payment`, a query's SQL. */
export function requestText(request: SourceRequest): string {
  switch (request.method) {
    case 'files':
      return request.paths.join(', ')
    case 'GET':
      return request.path
    case 'POST':
      return `POST ${request.path}`
    case 'table':
      return request.schema === undefined ? request.table : `${request.schema}.${request.table}`
    case 'query':
      return request.sql.replaceAll(/\s+/g, ' ').trim()
  }
}
