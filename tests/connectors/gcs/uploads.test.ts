import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PutBody, PutOptions } from '../../../lib/connectors/store.ts'
import { PermanentError, PreconditionFailed, TransientError } from '../../../lib/core/errors.ts'
import { temporaryFolder } from '../../kit/context.ts'
import type { Fault, FaultRule } from '../../kit/gcs-server.ts'
import { CHUNK, crcOf, expectGuarded, LONG, opened, operations, read, streamOf } from './kit.ts'

const SMALL = Buffer.from('one,two\n')

/** Each way that bytes go up: in one request; in a session to the name itself, the body read again or not; in a session to a temporary, with a copy. */
const ROADS: readonly (readonly [name: string, content: Buffer, body: () => PutBody, options: PutOptions])[] = [
  ['bytes in one request', SMALL, () => ({ bytes: SMALL }), { ifAbsent: true }],
  ['a short stream', SMALL, () => ({ stream: streamOf(SMALL) }), {}],
  ['a file in a session', LONG, () => ({ file: fileOf(LONG) }), { ifAbsent: true }],
  ['a long stream of known checksum', LONG, () => ({ stream: streamOf(LONG) }), { ifAbsent: true, crc32c: crcOf(LONG) }],
  ['a long stream of unknown checksum', LONG, () => ({ stream: streamOf(LONG) }), {}],
]

const anywhere = (fault: Fault, on: FaultRule['on'] = 'any'): FaultRule => ({ on, fault })

/** Faults of single requests that a put survives, whichever request they hit. */
const SURVIVED: readonly (readonly [name: string, fault: Fault])[] = [
  ['503', { kind: 'status', status: 503 }],
  ['a reset before the body', { kind: 'reset' }],
  ['a reset within the body', { kind: 'reset', afterBytes: 100_000 }],
  ['a stall', { kind: 'stall' }],
  ['a lost reply', { kind: 'lose-reply' }],
]

describe.each(ROADS)('put of %s', (_name, content, body, options) => {
  it('guards every request and is whole', async () => {
    const { server, store } = await opened()
    const info = await store.put('a/k.csv', body(), { ...options, contentType: 'text/csv', metadata: { by: 'me' } })
    expect(info).toMatchObject({ key: 'a/k.csv', bytes: content.length, crc32c: crcOf(content), metadata: { by: 'me' } })
    expect(await read(store, 'a/k.csv')).toEqual(content)
    expect(server.names()).toEqual(['a/k.csv'])
    expectGuarded(server.requests)
  })

  it.each(SURVIVED)('survives %s of any one of its requests', async (_fault, fault) => {
    // First without a fault, to know how many requests there are.
    const calm = await opened()
    await calm.store.put('k', body(), options)
    const { length } = calm.server.requests
    for (let nth = 1; nth <= length; nth++) {
      const { server, store } = await opened()
      server.fail({ on: 'any', nth, fault })
      const info = await store.put('k', body(), options)
      expect(info, `request ${nth} of ${length}`).toMatchObject({ bytes: content.length, crc32c: crcOf(content) })
      expect(await read(store, 'k')).toEqual(content)
      expect(server.names()).toEqual(['k'])
      expectGuarded(server.requests)
      expect((await store.head('k'))?.version).toBe(info.version)
    }
  })

  it('gives up on a service that stays away, with exit 75, and leaves no object', async () => {
    const { server, store, clock } = await opened()
    server.fail({ on: 'any', nth: 2, times: 1000, fault: { kind: 'status', status: 503 } })
    const error = await store.put('k', body(), options).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(TransientError)
    expect(error).toMatchObject({
      exitCode: 75,
      message: expect.stringMatching(/^cannot (write|look at|copy) gs:\/\/bucket\/.*503.* \(tried 6 times\)$/),
    })
    expect(clock.slept.length).toBeGreaterThanOrEqual(5)
    expect(server.names().filter((name) => !name.startsWith('.millrace-tmp/'))).toEqual([])
  })

  it('leaves nothing when another object is there', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: 'theirs' })
    const version = (await store.head('k'))?.version ?? ''
    await store.put('k', { bytes: 'newer' })
    server.calm()
    await expect(store.put('k', body(), { ifVersion: version })).rejects.toBeInstanceOf(PreconditionFailed)
    await expect(store.put('k', body(), { ifAbsent: true })).rejects.toBeInstanceOf(PreconditionFailed)
    expect((await read(store, 'k')).toString()).toBe('newer')
    expect(server.names()).toEqual(['k'])
    expectGuarded(server.requests)
  })
})

describe('put', () => {
  it('resumes a session from the byte that the server has', async () => {
    const { server, store } = await opened()
    const file = fileOf(LONG)
    server.fail({ on: 'chunk', nth: 2, fault: { kind: 'reset', afterBytes: 200_000 } })
    await store.put('k', { file }, { ifAbsent: true })
    expect(operations(server.requests)).toEqual(['head', 'start', 'chunk', 'chunk', 'status', 'chunk', 'chunk'])
    expect(server.requests.map(({ headers }) => headers['content-range']).filter(Boolean)).toEqual([
      `bytes 0-${CHUNK - 1}/*`,
      `bytes ${CHUNK}-${2 * CHUNK - 1}/*`,
      'bytes */*',
      `bytes ${CHUNK}-${2 * CHUNK - 1}/*`,
      `bytes ${2 * CHUNK}-${LONG.length - 1}/${LONG.length}`,
    ])
    expect(await read(store, 'k')).toEqual(LONG)
  })

  it('sends again what the server did not keep of a chunk, also of the last', async () => {
    for (const chunkSize of [CHUNK, 2 * CHUNK])
      for (const bytes of [0, CHUNK])
        for (const nth of [1, 2, 3]) {
          const { server, store } = await opened({ chunkSize })
          server.fail({ on: 'chunk', nth, fault: { kind: 'keep', bytes } })
          await store.put('k', { stream: streamOf(LONG) })
          expect(await read(store, 'k')).toEqual(LONG)
        }
  })

  it('begins another session when one is lost, where the body can be read again', async () => {
    const { server, store } = await opened()
    server.fail({ on: 'chunk', nth: 2, fault: { kind: 'status', status: 410, reason: 'gone' } })
    await store.put('file', { file: fileOf(LONG) }, { ifAbsent: true })
    expect(operations(server.requests).filter((each) => each === 'start')).toHaveLength(2)
    expect(await read(store, 'file')).toEqual(LONG)
    server.calm()
    server.fail({ on: 'chunk', nth: 2, fault: { kind: 'status', status: 410, reason: 'gone' } })
    await expect(store.put('stream', { stream: streamOf(LONG) })).rejects.toMatchObject({
      exitCode: 75,
      message: expect.stringContaining('the upload session is gone'),
      hint: 'run again',
    })
    expect(server.names()).toEqual(['file'])
  })

  it('cancels the session of a stream that fails', async () => {
    const { server, store } = await opened()
    const stream = streamOf(LONG)
    server.fail(anywhere({ kind: 'status', status: 400, reason: 'invalid' }, 'chunk'))
    await expect(store.put('k', { stream })).rejects.toBeInstanceOf(PermanentError)
    expect(operations(server.requests).at(-1)).toBe('cancel')
    expect(stream.destroyed).toBe(true)
    expect(server.names()).toEqual([])
  })

  it('settles a lost reply by content: the same is done, another one is PreconditionFailed', async () => {
    const { server, store } = await opened()
    server.fail(anywhere({ kind: 'lose-reply' }, 'insert'))
    const info = await store.put('k', { bytes: 'mine' }, { ifAbsent: true })
    expect(operations(server.requests)).toEqual(['head', 'insert', 'insert', 'head'])
    expect(info.crc32c).toBe(crcOf('mine'))

    // Nobody answered, and meanwhile another one was there.
    server.calm()
    server.fail({ on: 'insert', name: 'other', fault: { kind: 'stall' } })
    const put = store.put('other', { bytes: 'mine' }, { ifAbsent: true })
    await new Promise((resolve) => setTimeout(resolve, 100))
    await (await opened({ apiEndpoint: server.url })).store.put('other', { bytes: 'theirs' })
    await expect(put).rejects.toBeInstanceOf(PreconditionFailed)
    expect((await read(store, 'other')).toString()).toBe('theirs')
  })

  it('a plain 412 is not settled by content: who was told nothing yet has not written', async () => {
    const { store } = await opened()
    await store.put('k', { bytes: 'same' })
    await expect(store.put('k', { bytes: 'same' }, { ifAbsent: true })).rejects.toBeInstanceOf(PreconditionFailed)
  })

  it('believes the object, not an answer that tells a wrong crc32c', async () => {
    for (const [_name, content, body, options] of ROADS) {
      const { server, store } = await opened()
      for (const on of ['insert', 'chunk', 'rewrite'] as const) server.fail({ on, times: 10, fault: { kind: 'wrong-crc' } })
      const info = await store.put('k', body(), options)
      expect(info.crc32c).toBe(crcOf(content))
      expect(await read(store, 'k')).toEqual(content)
      expect(server.names()).toEqual(['k'])
    }
  })

  it('removes what was stored damaged, that generation, and fails with exit 75', async () => {
    for (const [_name, _content, body, options] of ROADS) {
      const { server, store } = await opened()
      for (const on of ['insert', 'chunk'] as const) server.fail({ on, times: 10, fault: { kind: 'corrupt' } })
      await expect(store.put('k', body(), options)).rejects.toMatchObject({
        exitCode: 75,
        message: expect.stringContaining('removed again'),
      })
      expect(server.names()).toEqual([])
      expectGuarded(server.requests)
    }
  })

  it('a damaged stream never reaches its own name', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: 'old' })
    server.fail({ on: 'chunk', times: 10, fault: { kind: 'corrupt' } })
    await expect(store.put('k', { stream: streamOf(LONG) })).rejects.toMatchObject({ exitCode: 75 })
    expect(operations(server.requests)).not.toContain('rewrite')
    expect((await read(store, 'k')).toString()).toBe('old')
  })

  it.each([408, 429, 500, 502, 504])('tries again after %i, and after the 403 of a rate limit', async (status) => {
    const { server, store } = await opened()
    server.fail(anywhere({ kind: 'status', status }, 'insert'), {
      on: 'insert',
      nth: 2,
      fault: { kind: 'status', status: 403, reason: 'rateLimitExceeded' },
    })
    await store.put('k', { bytes: 'x' })
    expect(operations(server.requests)).toEqual(['head', 'insert', 'insert', 'insert'])
  })

  it('waits as long as Retry-After asks', async () => {
    const { server, store, clock } = await opened()
    server.fail(anywhere({ kind: 'status', status: 429, headers: { 'Retry-After': '7' } }, 'insert'))
    await store.put('k', { bytes: 'x' })
    expect(clock.slept).toEqual([7000])
    server.fail({ on: 'insert', times: 9, fault: { kind: 'status', status: 503, headers: { 'Retry-After': '7200' } } })
    await expect(store.put('k', { bytes: 'x' })).rejects.toMatchObject({ hint: 'Cloud Storage asks to wait 7200 s: run again then' })
    expect(clock.slept).toEqual([7000])
  })

  it('an unconditional put is done once, also among other writers', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: 'a' })
    server.calm()
    server.fail(anywhere({ kind: 'lose-reply' }, 'insert'))
    await store.put('k', { bytes: 'b' })
    expect(operations(server.requests)).toEqual(['head', 'insert', 'insert', 'head'])
    await Promise.all([1, 2, 3, 4].map((n) => store.put('k', { bytes: `writer ${n}` })))
    expectGuarded(server.requests)
  })

  it('stops at once when it is aborted while the service stalls', async () => {
    const { server, store } = await opened({ timeoutMs: 60_000 })
    server.fail(anywhere({ kind: 'stall' }, 'insert'))
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('stopped')), 50)
    await expect(store.put('k', { bytes: 'x' }, { signal: stop.signal })).rejects.toThrow('stopped')
  })
})

function fileOf(content: Buffer): string {
  const file = join(temporaryFolder(), 'body.csv')
  writeFileSync(file, content)
  return file
}
