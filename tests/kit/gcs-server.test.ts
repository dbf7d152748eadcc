import { randomBytes } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from './context.ts'
import { startGcsProcess } from './gcs-process.ts'
import { type GcsServer, startGcsServer } from './gcs-server.ts'

// The rules that tests of the store rely on (docs: JSON API reference, "Request preconditions", "Resumable uploads"), asked by plain HTTP.

const UNIT = 256 * 1024
const crcOf = (content: string | Uint8Array) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32c(content))
  return bytes.toString('base64')
}

interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly json: Record<string, unknown>
}

let server: GcsServer
beforeEach(async () => {
  server = await startGcsServer()
  onTestFinished(() => server.close())
})

async function ask(method: string, path: string, body?: string | Uint8Array, headers: Record<string, string> = {}): Promise<Answered> {
  const url = path.startsWith('http') ? path : `${server.url}${path}`
  const response = await fetch(url, { method, headers, redirect: 'manual', ...(body !== undefined && { body }) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text.startsWith('{') ? JSON.parse(text) : { text } }
}

const insert = (name: string, content: string | Uint8Array, query = '', headers = {}) =>
  ask('POST', `/upload/storage/v1/b/bucket/o?uploadType=media&name=${encodeURIComponent(name)}${query}`, content, headers)
const object = (name: string, query = '') => `/storage/v1/b/bucket/o/${encodeURIComponent(name)}${query}`
const generationOf = async (name: string) => String((await ask('GET', object(name))).json.generation)

async function session(name: string, described: object = {}, query = ''): Promise<string> {
  const started = await ask('POST', `/upload/storage/v1/b/bucket/o?uploadType=resumable&name=${name}${query}`, JSON.stringify(described))
  return started.headers.get('location') ?? `status ${started.status}`
}
const chunk = (uri: string, range: string, body: Uint8Array = new Uint8Array(0), headers = {}) =>
  ask('PUT', uri, body, { 'Content-Range': `bytes ${range}`, ...headers })

describe('startGcsServer', () => {
  it('gives every write a generation of its own, greater than the last', async () => {
    const generations = [await insert('k', 'a'), await insert('k', 'a'), await insert('other', 'b')].map(({ json }) =>
      Number(json.generation),
    )
    expect(generations).toEqual([...new Set(generations)].sort())
    expect((await ask('GET', object('k'))).json).toMatchObject({
      kind: 'storage#object',
      size: '1',
      metageneration: '1',
      crc32c: crcOf('a'),
    })
  })

  it('decides each request by its preconditions: 412, or 304 for a read', async () => {
    await insert('k', 'a')
    const now = await generationOf('k')
    const requests: readonly (readonly [what: string, ask: (query: string) => Promise<Answered>])[] = [
      ['head', (query) => ask('GET', object('k', `?${query}`))],
      ['media', (query) => ask('GET', object('k', `?alt=media&${query}`))],
      ['patch', (query) => ask('PATCH', object('k', `?${query}`), '{}')],
      ['insert', (query) => insert('k', 'b', `&${query}`)],
      ['start', (query) => ask('POST', `/upload/storage/v1/b/bucket/o?uploadType=resumable&name=k&${query}`, '{}')],
      ['copy', (query) => ask('POST', `${object('from')}/copyTo/b/bucket/o/k?${query}`)],
      ['rewrite', (query) => ask('POST', `${object('from')}/rewriteTo/b/bucket/o/k?${query}`)],
      ['compose', (query) => ask('POST', `${object('k')}/compose?${query}`, JSON.stringify({ sourceObjects: [{ name: 'from' }] }))],
      ['delete', (query) => ask('DELETE', object('k', `?${query}`))],
    ]
    await insert('from', 'f')
    for (const [what, request] of requests) {
      const read = what === 'head' || what === 'media'
      for (const wrong of ['ifGenerationMatch=0', 'ifGenerationMatch=1', 'ifMetagenerationMatch=77'])
        expect((await request(wrong)).status, `${what} ${wrong}`).toBe(412)
      const generation = await generationOf('k')
      for (const same of [`ifGenerationNotMatch=${generation}`]) expect((await request(same)).status, what).toBe(read ? 304 : 412)
      expect((await request(`ifGenerationMatch=${generation}&ifGenerationNotMatch=1`)).status, what).toBeLessThan(300)
    }
    expect((await ask('GET', object('k'))).status).toBe(404)
    expect(now).not.toBe('0')
  })

  it('decides copies by the source, too', async () => {
    await insert('from', 'f')
    const generation = await generationOf('from')
    for (const verb of ['copyTo', 'rewriteTo']) {
      const path = `${object('from')}/${verb}/b/bucket/o/to`
      expect((await ask('POST', `${path}?ifSourceGenerationMatch=1`)).status).toBe(412)
      expect((await ask('POST', `${path}?sourceGeneration=1`)).status).toBe(404)
      expect((await ask('POST', `${path}?ifSourceGenerationMatch=${generation}`)).status).toBe(200)
    }
    const sources = [{ name: 'from', objectPreconditions: { ifGenerationMatch: '1' } }]
    expect((await ask('POST', `${object('to')}/compose`, JSON.stringify({ sourceObjects: sources }))).status).toBe(412)
  })

  it('refuses bytes that are not those announced, in every way of uploading', async () => {
    expect((await insert('k', 'abc', '', { 'x-goog-hash': `crc32c=${crcOf('abd')}` })).status).toBe(400)
    const boundary = 'b'
    const multipart = (crc: string) =>
      ask(
        'POST',
        '/upload/storage/v1/b/bucket/o?uploadType=multipart',
        `--b\r\nContent-Type: application/json\r\n\r\n${JSON.stringify({ name: 'k', crc32c: crc })}\r\n--b\r\nContent-Type: text/csv\r\n\r\nabc\r\n--b--`,
        { 'Content-Type': `multipart/related; boundary=${boundary}` },
      )
    expect((await multipart(crcOf('abd'))).status).toBe(400)
    const uri = await session('k', { crc32c: crcOf('abd') })
    expect((await chunk(uri, '0-2/3', Buffer.from('abc'))).status).toBe(400)
    const other = await session('k')
    expect((await chunk(other, '0-2/3', Buffer.from('abc'), { 'x-goog-hash': `crc32c=${crcOf('abd')}` })).status).toBe(400)
    expect(server.names()).toEqual([])
    expect((await multipart(crcOf('abc'))).json).toMatchObject({ contentType: 'text/csv', size: '3' })
  })

  it('keeps the rules of sessions: units, gaps, status, repeated bytes, preconditions at the end', async () => {
    const content = randomBytes(2 * UNIT + 5)
    const uri = await session('k', {}, '&ifGenerationMatch=0')
    expect((await chunk(uri, '*/*')).headers.get('range')).toBeNull()
    expect((await chunk(uri, `0-${UNIT - 1}/*`, content.subarray(0, UNIT))).headers.get('range')).toBe(`bytes=0-${UNIT - 1}`)
    expect((await chunk(uri, `${UNIT}-${UNIT + 4}/*`, content.subarray(0, 5))).status).toBe(400)
    expect((await chunk(uri, `${UNIT + 9}-${UNIT + 13}/${UNIT + 14}`, content.subarray(0, 5))).status).toBe(400)
    // The first unit once more, and the rest.
    expect((await chunk(uri, `0-${content.length - 1}/${content.length}`, content)).json).toMatchObject({
      size: String(content.length),
      crc32c: crcOf(content),
    })
    expect((await chunk(uri, '*/*')).status).toBe(200)

    const late = await session('late', {}, '&ifGenerationMatch=0')
    await insert('late', 'faster')
    expect((await chunk(late, '0-0/1', Buffer.from('x'))).status).toBe(412)
    expect((await chunk(late, '*/*')).status).toBe(404)
    const cancelled = await session('c')
    expect((await ask('DELETE', cancelled)).status).toBe(499)
    expect((await chunk(cancelled, '*/*')).status).toBe(404)
  })

  it('keeps whole units of a chunk that broke off', async () => {
    const uri = await session('k')
    server.fail({ on: 'chunk', fault: { kind: 'reset', afterBytes: UNIT + 1000 } })
    await expect(chunk(uri, `0-${2 * UNIT - 1}/*`, randomBytes(2 * UNIT))).rejects.toThrow()
    expect((await chunk(uri, '*/*')).headers.get('range')).toBe(`bytes=0-${UNIT - 1}`)
  })

  it('lists by prefix, page and delimiter', async () => {
    for (const name of ['a/1', 'a/2', 'a/b/3', 'a/b/4', 'c']) await insert(name, 'x')
    const list = async (query: string) => (await ask('GET', `/storage/v1/b/bucket/o?${query}`)).json
    const names = (json: Record<string, unknown>) => ((json.items ?? []) as { name: string }[]).map(({ name }) => name)
    expect(await list('prefix=a/&delimiter=/')).toMatchObject({ prefixes: ['a/b/'] })
    const first = await list('maxResults=2')
    expect(names(first)).toEqual(['a/1', 'a/2'])
    const second = await list(`maxResults=2&pageToken=${encodeURIComponent(String(first.nextPageToken))}`)
    expect(names(second)).toEqual(['a/b/3', 'a/b/4'])
    const third = await list(`maxResults=2&pageToken=${encodeURIComponent(String(second.nextPageToken))}`)
    expect([names(third), third.nextPageToken]).toEqual([['c'], undefined])
  })

  it('gives ranges, checksums and errors as Google does', async () => {
    await insert('k', '0123456789')
    const part = await fetch(`${server.url}${object('k', '?alt=media')}`, { headers: { Range: 'bytes=2-4' } })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234'])
    expect(part.headers.get('x-goog-hash')).toContain(`crc32c=${crcOf('0123456789')}`)
    expect((await ask('GET', object('nothing'))).json).toEqual({
      error: {
        code: 404,
        message: 'No such object: bucket/nothing',
        errors: [{ message: 'No such object: bucket/nothing', domain: 'global', reason: 'notFound' }],
      },
    })
    expect((await ask('GET', '/storage/v1/b/other/o')).json).toMatchObject({ error: { message: 'The specified bucket does not exist.' } })
  })

  it('composes, and patches under a new metageneration', async () => {
    await insert('a', '1')
    await insert('b', '2')
    const made = await ask(
      'POST',
      `${object('ab')}/compose?ifGenerationMatch=0`,
      JSON.stringify({ sourceObjects: [{ name: 'a' }, { name: 'b' }] }),
    )
    expect(made.json).toMatchObject({ size: '2', crc32c: crcOf('12') })
    expect(made.json.md5Hash).toBeUndefined()
    expect((await ask('PATCH', object('ab'), '{"metadata":{"x":"1"}}')).json).toMatchObject({ metageneration: '2', metadata: { x: '1' } })
  })
})

describe('gcs-server.ts as a process', () => {
  it('goes on with objects and sessions on its folder after it was ended', async () => {
    const folder = temporaryFolder()
    const first = await startGcsProcess(['--folder', folder, '--bucket', 'bucket'])
    await ask('POST', `${first.url}/upload/storage/v1/b/bucket/o?uploadType=media&name=k`, 'content')
    const started = await ask('POST', `${first.url}/upload/storage/v1/b/bucket/o?uploadType=resumable&name=s`, '{}')
    const uri = started.headers.get('location') ?? ''
    await chunk(uri, `0-${UNIT - 1}/*`, randomBytes(UNIT))
    await first.stop()
    const second = await startGcsProcess([
      '--folder',
      folder,
      '--faults',
      JSON.stringify([{ on: 'head', fault: { kind: 'status', status: 503 } }]),
    ])
    onTestFinished(() => second.stop())
    expect((await ask('GET', `${second.url}${object('k')}`)).status).toBe(503)
    expect((await ask('GET', `${second.url}${object('k')}`)).json).toMatchObject({ size: '7' })
    expect((await chunk(uri.replace(first.url, second.url), '*/*')).headers.get('range')).toBe(`bytes=0-${UNIT - 1}`)
    const recorded = await (await fetch(`${second.url}/_control/requests`)).json()
    expect(recorded).toMatchObject([{ operation: 'head', status: 503 }, { operation: 'head' }, { operation: 'status' }])
  })
})
