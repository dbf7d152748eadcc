import { writeFileSync } from 'node:fs'
import { type Described, type Objects, refuseName, type Stored } from './objects.ts'
import { preconditionsOf } from './preconditions.ts'
import { invalid } from './problem.ts'
import type { Asked } from './request.ts'
import { commitBlob, hashOfHeader } from './uploads.ts'

/** An upload in one request: `uploadType=media` or `multipart`. */
export function insertOf(objects: Objects, { bucket, name: asked, query, headers }: Asked, body: Buffer, corrupt: boolean): Stored {
  const type = headers['content-type'] ?? 'application/octet-stream'
  const parts =
    query.get('uploadType') === 'multipart'
      ? partsOf(type, body)
      : { described: { contentType: type } as Described & { name?: string }, content: body }
  const { described, content } = parts
  const name = asked || described.name || ''
  refuseName(name)
  const blob = objects.newBlob()
  writeFileSync(objects.pathOf(blob), content)
  const conditions = preconditionsOf(query)
  return commitBlob(objects, { bucket, name, conditions, described, blob }, hashOfHeader(headers['x-goog-hash']), corrupt)
}

/** The two parts of multipart/related: JSON, and the content. */
export function partsOf(
  contentType: string,
  body: Buffer,
): { readonly described: Described & { readonly name?: string }; readonly content: Buffer } {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) throw invalid('Missing boundary')
  const delimiter = Buffer.from(`--${boundary}`)
  const starts: number[] = []
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + delimiter.length)) starts.push(at)
  const [first, second, end] = starts
  if (first === undefined || second === undefined || end === undefined) throw invalid('Malformed multipart body.')
  const part = (from: number, to: number) => {
    const head = body.indexOf('\r\n\r\n', from)
    return { headers: body.subarray(from, head).toString(), content: body.subarray(head + 4, to - 2) }
  }
  const json = part(first, second)
  const media = part(second, end)
  const type = /content-type: *(\S.*)/i.exec(media.headers)?.[1]?.trim()
  return { described: { ...(type !== undefined && { contentType: type }), ...JSON.parse(json.content.toString()) }, content: media.content }
}
