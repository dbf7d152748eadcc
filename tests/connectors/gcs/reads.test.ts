import { buffer, text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { NotFound, TransientError } from '../../../lib/core/errors.ts'
import type { Fault } from '../../kit/gcs-server.ts'
import { expectGuarded, LONG, opened, operations, read, streamOf } from './kit.ts'

describe('get', () => {
  const SURVIVED: readonly (readonly [name: string, fault: Fault, requests: number])[] = [
    ['503', { kind: 'status', status: 503 }, 2],
    ['a reset', { kind: 'reset' }, 2],
    ['a stall', { kind: 'stall' }, 2],
    ['a connection cut at byte 300,000', { kind: 'cut', afterBytes: 300_000 }, 2],
    ['a body that stalls at byte 300,000', { kind: 'stall-body', afterBytes: 300_000 }, 2],
  ]
  it.each(SURVIVED)('survives %s, and goes on where it was', async (_name, fault, requests) => {
    const { server, store } = await opened()
    await store.put('k', { bytes: LONG })
    server.calm()
    server.fail({ on: 'media', fault })
    expect(await read(store, 'k')).toEqual(LONG)
    const media = server.requests.filter(({ operation }) => operation === 'media')
    expect(media).toHaveLength(requests)
    if ('afterBytes' in fault) expect(media[1]?.headers.range).toBe(`bytes=300000-${LONG.length - 1}`)
    expectGuarded(server.requests)
  })

  it('goes on within a range, too', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: LONG })
    server.fail({ on: 'media', times: 3, fault: { kind: 'cut', afterBytes: 1000 } })
    expect(await buffer(await store.get('k', { start: 5000, end: 105_000 }))).toEqual(LONG.subarray(5000, 105_000))
  })

  it('ends with an error, never short, when the connection stays cut', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: LONG })
    server.fail(
      { on: 'media', times: 1, fault: { kind: 'cut', afterBytes: 1000 } },
      { on: 'media', nth: 2, times: 99, fault: { kind: 'reset' } },
    )
    await expect(read(store, 'k')).rejects.toMatchObject({
      exitCode: 75,
      message: expect.stringMatching(/^cannot read gs:\/\/bucket\/k: the connection was lost \(ECONNRESET\) \(tried 6 times\)$/),
      hint: expect.stringContaining('run again'),
    })
  })

  it('refuses damaged bytes by their crc32c', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: LONG })
    server.fail({ on: 'media', fault: { kind: 'flip' } })
    await expect(read(store, 'k')).rejects.toMatchObject({ exitCode: 75, message: expect.stringContaining('was read with crc32c') })
    expect(await read(store, 'k')).toEqual(LONG)
  })

  it('reads one generation from the first byte to the last', async () => {
    const { server, store } = await opened()
    await store.put('k', { bytes: LONG })
    // The object is replaced while the connection is lost: its rest is not to be had any more.
    server.fail({ on: 'media', fault: { kind: 'cut', afterBytes: 1000 } }, { on: 'media', nth: 2, fault: { kind: 'stall' } })
    const stream = await store.get('k')
    const content = buffer(stream)
    await store.put('k', { bytes: 'another' })
    await expect(content).rejects.toBeInstanceOf(NotFound)
    expect(await text(await store.get('k'))).toBe('another')
  })

  it('refuses what answers in place of Cloud Storage', async () => {
    const { server, store } = await opened()
    server.fail({ on: 'head', fault: { kind: 'status', status: 200, body: '<html>log in</html>' } })
    await expect(store.get('k')).rejects.toThrow('did not describe an object')
  })

  it('a reader that is slower than the time-out is no stall', async () => {
    const { store } = await opened({ timeoutMs: 100 })
    await store.put('k', { bytes: Buffer.concat([LONG, LONG, LONG, LONG, LONG, LONG]) })
    let bytes = 0
    let waits = 0
    for await (const chunk of await store.get('k')) {
      bytes += (chunk as Buffer).length
      if (waits++ < 3) await new Promise((resolve) => setTimeout(resolve, 250))
    }
    expect(bytes).toBe(6 * LONG.length)
  })
})

describe('list, head, copy and delete', () => {
  it('list takes page after page, and survives a page that fails', async () => {
    const { server, store } = await opened({ timeoutMs: 20_000 }, { pageSize: 25 })
    const folder = Array.from({ length: 60 }, (_, i) => `f/${String(i).padStart(2, '0')}`)
    await Promise.all(folder.map((key) => store.put(key, { bytes: 'x' }, { ifAbsent: true })))
    server.calm()
    server.fail({ on: 'list', nth: 2, fault: { kind: 'reset' } })
    const keys: string[] = []
    for await (const key of store.list('f/')) keys.push(key)
    expect(keys).toEqual(folder)
    expect(operations(server.requests)).toEqual(['list', 'list', 'list', 'list'])
  })

  it('copy goes on with rewrite tokens, and settles a lost reply', async () => {
    const { server, store } = await opened({}, { rewriteBytes: 200_000 })
    await store.put('from', { bytes: LONG })
    server.calm()
    const info = await store.copy('from', 'to', { ifAbsent: true })
    expect(operations(server.requests)).toEqual(['head', 'rewrite', 'rewrite', 'rewrite', 'rewrite'])
    expect(info.bytes).toBe(LONG.length)
    server.calm()
    server.fail({ on: 'rewrite', nth: 4, fault: { kind: 'lose-reply' } })
    await store.copy('from', 'again', { ifAbsent: true })
    expect(await read(store, 'again')).toEqual(LONG)
    expectGuarded(server.requests)
  })

  it('delete is done once after a lost reply', async () => {
    const { server, store } = await opened()
    const { version } = await store.put('k', { bytes: 'x' })
    server.fail({ on: 'delete', fault: { kind: 'lose-reply' } })
    await store.delete('k', { ifVersion: version })
    expect(server.names()).toEqual([])
    expectGuarded(server.requests)
  })

  it('sweep removes temporaries that are a day old, under the prefix alone', async () => {
    const { server, store, clock } = await opened()
    // A put whose process died between upload and copy.
    server.fail(
      { on: 'rewrite', times: 99, fault: { kind: 'status', status: 503 } },
      { on: 'delete', times: 99, fault: { kind: 'status', status: 503 } },
    )
    await expect(store.put('a/k', { stream: streamOf(LONG) })).rejects.toBeInstanceOf(TransientError)
    server.calm()
    expect(server.names()).toHaveLength(1)
    const listed: string[] = []
    for await (const key of store.list('')) listed.push(key)
    expect(listed).toEqual([])
    expect(await store.sweep?.('')).toBe(0)
    clock.advance(25 * 3_600_000)
    expect(await store.sweep?.('b/')).toBe(0)
    expect(await store.sweep?.('a/')).toBe(1)
    expect(server.names()).toEqual([])
    expectGuarded(server.requests)
  })
})
