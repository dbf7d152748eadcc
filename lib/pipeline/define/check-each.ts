import type { HttpRequest, SourceRequest } from '../../connectors/requests.ts'
import { ConfigError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Extract } from '../../extract/source.ts'
import { readForEachPartition } from './check-extract.ts'
import type { AnyPipeline, Schema } from './definition.ts'

/** Refuses a request for each row of a dataset that does not land before it. @throws ConfigError */
export function checkEach(dataset: string, { extract, transform }: AnyPipeline, schema: Schema): void {
  const own = extract[dataset]
  const each = own && eachOf(own.request)
  if (!own || !each) return
  const place = { stage: 'extract', dataset } as const
  const parent = Object.hasOwn(extract, each.parent) ? extract[each.parent] : undefined
  if (!parent) {
    const names = Object.keys(extract).filter((name) => name !== dataset)
    if (transform && Object.hasOwn(transform, each.parent))
      throw new ConfigError(`each: parent "${each.parent}" is computed; a request is made for rows of an extracted dataset`, place)
    const among = `${didYouMean(each.parent, names)}; there are: ${names.join(', ') || 'none'}`
    throw new ConfigError(`each: unknown parent dataset "${each.parent}"${among}`, place)
  }
  const columns = schema[each.parent] ?? {}
  if (!Object.hasOwn(columns, each.column))
    throw new ConfigError(
      `each: parent "${each.parent}" has no column "${each.column}"${didYouMean(each.column, Object.keys(columns))}; there are: ${Object.keys(columns).join(', ')}`,
      place,
    )
  if (readForEachPartition(parent) && !readForEachPartition(own))
    throw new ConfigError(`each: parent "${each.parent}" is read for each partition, and "${dataset}" once for each run`, {
      ...place,
      hint: `let the request of "${dataset}" name {partition}, or give it a window`,
    })
  const seen = new Set([dataset])
  for (let at: string | undefined = each.parent; at !== undefined; at = parentOf(extract[at])) {
    if (seen.has(at)) throw new ConfigError(`each: "${dataset}" waits for its own rows: ${[...seen, at].join(' → ')}`, place)
    seen.add(at)
  }
}

function parentOf(extracted: Extract<string> | undefined): string | undefined {
  return extracted && eachOf(extracted.request)?.parent
}

function eachOf(request: SourceRequest): HttpRequest['each'] {
  return 'each' in request ? request.each : undefined
}
