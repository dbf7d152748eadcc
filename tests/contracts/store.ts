import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { crc32c } from '@node-rs/crc32'
import { afterEach, beforeEach, describe, expect, it as test } from 'vitest'
import type { Store } from '../../lib/connectors/store.ts'
import { NotFound, PreconditionFailed } from '../../lib/core/errors.ts'
import { temporaryFolder } from '../kit/context.ts'
import { lent } from '../kit/lent.ts'

/** A fresh, empty store for one test. `another` opens the same objects once more, as another process would. */
export interface OpenedStore {
  readonly store: Store
  readonly another: () => Store
}

/** Tests of the contract, by title, that the server under a store is known not to meet: an emulator's gaps. */
export interface Unmet {
  /** They must fail, so that the list stays true. */
  readonly failing: readonly string[]
  /** They fail or not as time has it, and are left out. */
  readonly leftOut: readonly string[]
}

/** The contract of `Store` (lib/connectors/store.ts), sentence by sentence. `open` is called inside each test. */
export function storeContract(name: string, open: () => Promise<OpenedStore>, unmet: Unmet = { failing: [], leftOut: [] }): void {
  const it = (title: string, run: () => Promise<void>) => {
    if (unmet.leftOut.includes(title)) return
    if (unmet.failing.includes(title)) test.fails(title, run)
    else test(title, run)
  }
  describe(`the store contract, ${name}`, () => {
    let store: Store
    let another: Store
    beforeEach(async () => {
      const opened = await open()
      store = opened.store
      another = opened.another()
    })
    afterEach(async () => {
      await store.close()
      await another.close()
    })

    const read = async (key: string, from = another) => text(await from.get(key))
    const keys = async (prefix = '', from = another) => {
      const found: string[] = []
      for await (const key of from.list(prefix)) found.push(key)
      return found
    }
    const crcOf = (content: string | Uint8Array) => crc32c(content).toString(16).padStart(8, '0')

    it('put of bytes makes an object that another reader sees whole', async () => {
      const info = await store.put('a/b/c.csv', { bytes: 'one,two\n' })
      expect(info).toMatchObject({ key: 'a/b/c.csv', bytes: 8, crc32c: crcOf('one,two\n'), metadata: {} })
      expect(await read('a/b/c.csv')).toBe('one,two\n')
      expect(await another.head('a/b/c.csv')).toEqual(info)
    })

    it('put takes bytes, none at all, and binary ones', async () => {
      const binary = randomBytes(100_000)
      await store.put('binary', { bytes: binary })
      await store.put('empty', { bytes: '' })
      expect(await buffer(await another.get('binary'))).toEqual(binary)
      expect(await another.head('empty')).toMatchObject({ bytes: 0, crc32c: '00000000' })
      expect(await read('empty')).toBe('')
    })

    it('put replaces an object, and its version changes with every write', async () => {
      const versions = new Set<string>()
      for (let i = 0; i < 20; i++) versions.add((await store.put('k', { bytes: `content ${i % 2}` })).version)
      expect(versions.size).toBe(20)
      expect(await read('k')).toBe('content 1')
    })

    it('put of a finished file takes the file away', async () => {
      const file = join(temporaryFolder(), 'finished.csv')
      writeFileSync(file, 'x,y\n')
      const info = await store.put('from-file.csv', { file }, { ifAbsent: true, crc32c: crcOf('x,y\n') })
      expect(info).toMatchObject({ bytes: 4, crc32c: crcOf('x,y\n') })
      expect(await read('from-file.csv')).toBe('x,y\n')
      if (store.kind === 'local') expect(() => statSync(file)).toThrow(/ENOENT/)
    })

    it('put of a file that is refused leaves the file', async () => {
      const file = join(temporaryFolder(), 'finished.csv')
      writeFileSync(file, 'new')
      await store.put('k', { bytes: 'old' })
      await expect(store.put('k', { file }, { ifAbsent: true })).rejects.toThrow(PreconditionFailed)
      await expect(store.put('other', { file }, { crc32c: crcOf('different') })).rejects.toThrow(/crc32c/)
      expect(statSync(file).size).toBe(3)
      expect(await read('k')).toBe('old')
      expect(await keys()).toEqual(['k'])
    })

    it('put of a folder or of a missing file is refused', async () => {
      const folder = temporaryFolder()
      mkdirSync(join(folder, 'd'))
      await expect(store.put('k', { file: join(folder, 'd') })).rejects.toThrow()
      await expect(store.put('k', { file: join(folder, 'nothing') })).rejects.toThrow()
      expect(await keys()).toEqual([])
    })

    it('put is done with a chunk of a stream when it asks for the next one', async () => {
      const content = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `${i}\n`).join(''))
      expect(await store.put('k', { stream: lent(content, 10_007) })).toMatchObject({ bytes: content.length, crc32c: crcOf(content) })
      expect(await read('k')).toBe(content.toString())
    })

    it('put of a stream that errors leaves no object', async () => {
      const stream = Readable.from(
        (async function* () {
          yield Buffer.alloc(300_000, 1)
          throw new Error('the producer died')
        })(),
      )
      await expect(store.put('k', { stream })).rejects.toThrow('the producer died')
      expect(await another.head('k')).toBeUndefined()
      expect(await keys()).toEqual([])
    })

    it('put of a stream that is destroyed without an error leaves no object, and the old one stays', async () => {
      await store.put('old', { bytes: 'old' })
      for (const key of ['new', 'old']) {
        const stream = new Readable({ read: () => undefined })
        stream.push(Buffer.alloc(300_000, 1))
        setTimeout(() => stream.destroy(), 30)
        await expect(store.put(key, { stream })).rejects.toThrow()
      }
      const destroyed = Readable.from(['x'])
      destroyed.destroy()
      await expect(store.put('new', { stream: destroyed })).rejects.toThrow()
      expect(await keys()).toEqual(['old'])
      expect(await read('old')).toBe('old')
    })

    it('put of a stream that has been read already is refused: its rest is not its content', async () => {
      const stream = Readable.from(['a', 'b'])
      for await (const _ of stream) break
      await expect(store.put('k', { stream })).rejects.toThrow()
      expect(await keys()).toEqual([])
    })

    it('an aborted put leaves no object and rejects with the reason', async () => {
      const stop = new AbortController()
      const stream = new Readable({ read: () => undefined })
      stream.push(Buffer.alloc(100_000, 1))
      setTimeout(() => stop.abort(new Error('stopped')), 30)
      await expect(store.put('k', { stream }, { signal: stop.signal })).rejects.toThrow('stopped')
      await expect(store.put('k', { bytes: 'x' }, { signal: stop.signal })).rejects.toThrow('stopped')
      expect(stream.destroyed).toBe(true)
      expect(await keys()).toEqual([])
    })

    it('a reader sees the old object or the whole new one', async () => {
      const contents = ['a', 'b'].map((c) => c.repeat(300_000))
      await store.put('k', { bytes: contents[0] ?? '' })
      let writing = true
      const writes = (async () => {
        for (let i = 1; i <= 20; i++) await store.put('k', { stream: Readable.from([contents[i % 2] ?? '']) })
        writing = false
      })()
      while (writing) expect(contents.includes(await read('k'))).toBe(true)
      await writes
    })

    it('of many puts at once with ifAbsent one wins', async () => {
      for (const [round, metadata] of [{}, { who: 'x' }].entries()) {
        const puts = Array.from({ length: 16 }, (_, i) =>
          (i % 2 ? store : another).put(`once-${round}`, { bytes: `writer ${i}` }, { ifAbsent: true, metadata }).then(
            () => i,
            (error: unknown) => error,
          ),
        )
        const results = await Promise.all(puts)
        const winners = results.filter((result) => typeof result === 'number')
        expect(winners).toHaveLength(1)
        expect(results.filter((result) => result instanceof PreconditionFailed)).toHaveLength(15)
        expect(await read(`once-${round}`)).toBe(`writer ${winners[0]}`)
      }
    })

    it('ifVersion replaces only that version', async () => {
      const first = await store.put('k', { bytes: '1' })
      const second = await store.put('k', { bytes: '2' }, { ifVersion: first.version })
      await expect(store.put('k', { bytes: '3' }, { ifVersion: first.version })).rejects.toThrow(PreconditionFailed)
      await expect(store.put('missing', { bytes: '3' }, { ifVersion: first.version })).rejects.toThrow(PreconditionFailed)
      expect(await read('k')).toBe('2')
      expect((await another.head('k'))?.version).toBe(second.version)
      expect(await keys()).toEqual(['k'])
    })

    it('compare-and-set by many writers loses no increment', async () => {
      await store.put('counter', { bytes: '0' })
      const increment = async (at: Store) => {
        for (;;) {
          const info = await at.head('counter')
          const value = Number(await read('counter', at))
          try {
            await at.put('counter', { bytes: String(value + 1) }, { ifVersion: info?.version ?? '' })
            return
          } catch (error) {
            if (!(error instanceof PreconditionFailed)) throw error
          }
        }
      }
      await Promise.all(Array.from({ length: 12 }, (_, i) => increment(i % 2 ? store : another)))
      expect(await read('counter')).toBe('12')
    })

    it('bytes that are not those announced are refused', async () => {
      await expect(store.put('k', { bytes: 'abc' }, { crc32c: crcOf('abd') })).rejects.toThrow(/crc32c/)
      await expect(store.put('k', { stream: Readable.from(['abc']) }, { crc32c: crcOf('abd') })).rejects.toThrow(/crc32c/)
      expect(await keys()).toEqual([])
      expect(await store.put('k', { stream: Readable.from(['a', 'bc']) }, { crc32c: crcOf('abc') })).toMatchObject({ crc32c: crcOf('abc') })
    })

    it('list gives the keys that begin with a prefix, ascending', async () => {
      const all = ['a', 'a-b', 'a/b', 'a/b/c', 'a/b0', 'a0', 'b/x', 'B', 'é', 'z'].filter((key) => key !== 'a' && key !== 'a/b')
      for (const key of [...all].reverse()) await store.put(key, { bytes: key })
      const ascending = (some: string[]) => [...some].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
      expect(await keys()).toEqual(ascending(all))
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'b', 'nothing', 'nothing/at/all', 'é'])
        expect(await keys(prefix)).toEqual(ascending(all.filter((key) => key.startsWith(prefix))))
    })

    it('list does not show what is being written', async () => {
      const stream = new Readable({ read: () => undefined })
      stream.push(Buffer.alloc(200_000, 1))
      const put = store.put('folder/k', { stream })
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(await keys()).toEqual([])
      stream.push(null)
      await put
      expect(await keys()).toEqual(['folder/k'])
    })

    it('get gives a range [start, end)', async () => {
      await store.put('k', { bytes: '0123456789' })
      const part = async (start: number, end: number) => text(await another.get('k', { start, end }))
      expect(await part(0, 3)).toBe('012')
      expect(await part(7, 10)).toBe('789')
      expect(await part(4, 4)).toBe('')
      expect(await part(8, 100)).toBe('89')
    })

    it('get of nothing rejects with NotFound, head gives undefined, delete does nothing', async () => {
      for (const key of ['nothing', 'no/such/folder/nothing']) {
        await expect(store.get(key)).rejects.toThrow(NotFound)
        expect(await store.head(key)).toBeUndefined()
        await store.delete(key)
        await expect(store.copy(key, 'to')).rejects.toThrow(NotFound)
      }
      await store.put('folder/k', { bytes: 'x' })
      expect(await store.head('folder')).toBeUndefined()
      await expect(store.get('folder')).rejects.toThrow(NotFound)
    })

    it('delete with ifVersion removes that version and no other', async () => {
      const old = await store.put('k', { bytes: 'old' })
      const now = await store.put('k', { bytes: 'now' })
      await expect(another.delete('k', { ifVersion: old.version })).rejects.toBeInstanceOf(PreconditionFailed)
      expect(await read('k')).toBe('now')
      await another.delete('k', { ifVersion: now.version })
      expect(await store.head('k')).toBeUndefined()
      await store.delete('k', { ifVersion: now.version })
    })

    it('delete removes the object and nothing else', async () => {
      await store.put('d/a', { bytes: 'a' })
      await store.put('d/b', { bytes: 'b' })
      await store.delete('d/a')
      await store.delete('d/a')
      expect(await keys()).toEqual(['d/b'])
      await store.delete('d/b')
      expect(await keys()).toEqual([])
      await store.put('d/a', { bytes: 'again' }, { ifAbsent: true })
      expect(await read('d/a')).toBe('again')
    })

    it('metadata come back with head, and go with the object', async () => {
      const metadata = { manifest: 'manifest-1.json', 'with space': 'é "quoted"\n', __proto__x: '1' }
      await store.put('k', { bytes: 'x' }, { metadata, contentType: 'text/csv' })
      expect((await another.head('k'))?.metadata).toEqual(metadata)
      await store.put('k', { bytes: 'x' }, { metadata: { other: '2' } })
      expect((await another.head('k'))?.metadata).toEqual({ other: '2' })
      await store.put('k', { bytes: 'x' })
      expect((await another.head('k'))?.metadata).toEqual({})
      await store.put('k', { bytes: 'x' }, { metadata })
      await store.delete('k')
      await store.put('k', { bytes: 'x' })
      expect((await another.head('k'))?.metadata).toEqual({})
    })

    it('copy copies content and metadata, under the same preconditions as put', async () => {
      const from = await store.put('from', { bytes: 'content' }, { metadata: { a: '1' } })
      const first = await store.copy('from', 'copies/to', { ifAbsent: true })
      expect(first).toMatchObject({ key: 'copies/to', bytes: 7, crc32c: from.crc32c, metadata: { a: '1' } })
      await expect(store.copy('from', 'copies/to', { ifAbsent: true })).rejects.toThrow(PreconditionFailed)
      await store.put('from', { bytes: 'newer' }, { metadata: { a: '2' } })
      expect(await read('copies/to')).toBe('content')
      const second = await store.copy('from', 'copies/to', { ifVersion: first.version, metadata: { b: '3' } })
      expect(second.version).not.toBe(first.version)
      expect(await read('copies/to')).toBe('newer')
      expect((await another.head('copies/to'))?.metadata).toEqual({ b: '3' })
      await expect(store.copy('from', 'copies/to', { ifVersion: first.version })).rejects.toThrow(PreconditionFailed)
      await store.copy('from', 'copies/to')
      expect((await another.head('copies/to'))?.metadata).toEqual({ a: '2' })
      await store.delete('from')
      expect(await read('copies/to')).toBe('newer')
    })

    it('keys are any text', async () => {
      const odd = [
        'with space/and more .csv',
        `it's "quoted"/\`b\`.csv`,
        'Ünïcödé/日本語/😀.csv',
        '100%/%2F/%zz',
        'back\\slash',
        'new\nline/tab\t',
        '..hidden/...',
        '~/$HOME/*?[x]{a,b}',
        '-rf/--help',
        'CON/nul.',
        `${'long'.repeat(50)}/${'x'.repeat(200)}/${'é'.repeat(100)}`,
        'é (composed)',
        'é (decomposed)'.normalize('NFD'),
        '__proto__/constructor',
      ]
      for (const key of odd) await store.put(key, { bytes: key }, { metadata: { key } })
      for (const key of odd) {
        expect(await read(key)).toBe(key)
        expect((await another.head(key))?.metadata.key).toBe(key)
        expect(await keys(key)).toEqual([key])
      }
      expect((await keys()).sort()).toEqual([...odd].sort())
      for (const key of odd) await store.delete(key)
      expect(await keys()).toEqual([])
    })

    test.each(['', '/', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a\0b'])('%j is no key', async (key) => {
      await expect(store.put(key, { bytes: 'x' })).rejects.toThrow(/not a key/)
      await expect(store.get(key)).rejects.toThrow(/not a key/)
      await expect(store.head(key)).rejects.toThrow(/not a key/)
      await expect(store.delete(key)).rejects.toThrow(/not a key/)
      await expect(store.copy(key, 'b')).rejects.toThrow(/not a key/)
      expect(await keys()).toEqual([])
    })

    it('a stream of 100 MB goes through without memory', async () => {
      const chunk = randomBytes(2 ** 20)
      let crc = 0
      await store.put('warm-up', { stream: Readable.from([chunk]) })
      globalThis.gc?.()
      const before = process.memoryUsage().rss
      let peak = before
      const stream = Readable.from(
        (async function* () {
          for (let i = 0; i < 100; i++) {
            crc = crc32c(chunk, crc)
            peak = Math.max(peak, process.memoryUsage().rss)
            yield chunk
          }
        })(),
        { objectMode: false, highWaterMark: 2 ** 20 },
      )
      const info = await store.put('big', { stream })
      expect(info).toMatchObject({ bytes: 100 * 2 ** 20, crc32c: crc.toString(16).padStart(8, '0') })
      expect(await another.head('big')).toEqual(info)
      expect(peak - before).toBeLessThan(64 * 2 ** 20)
    })
  })
}
