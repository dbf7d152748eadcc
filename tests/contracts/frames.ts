import { createHash } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Frames } from '../../lib/connectors/frames.ts'
import type { SourceRequest } from '../../lib/connectors/requests.ts'
import type { SourceConnection } from '../../lib/connectors/source.ts'
import type { ReceiveRequest, Token, WarehouseConnection } from '../../lib/connectors/warehouse.ts'
import { CheckError, ConfigError, OutrunError, TransientError } from '../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../lib/engines/extensions.ts'
import { testContext } from '../kit/context.ts'
import { noReader } from '../kit/no-reader.ts'

/** A source with one relation (`id` int32, `value` text), and an empty warehouse that takes its frames. */
export interface FramesSubject {
  readonly source: SourceConnection
  readonly request: SourceRequest
  readonly warehouse: WarehouseConnection
  /** Makes the relation of so many rows, `value` being a text of 100 letters that `salt` changes. */
  serve(rows: number, salt?: string): Promise<void>
  /** Makes `id` wider: int64. */
  widen(): Promise<void>
  /** `count|distinct values|_partition|_load` of a table of the warehouse, a line for each of the last two; none where there is no table. */
  table(name: string): Promise<readonly string[]>
}

const ROWS = 5000

/** Everything that the contracts of `Source.frames`, `Frames` and `Warehouse.receive` say, between two real systems. */
export function framesContract(name: string, open: () => Promise<FramesSubject>): void {
  async function setup() {
    const subject = await open()
    await subject.serve(ROWS)
    const warehouse = subject.warehouse.openWarehouse({ extensions: NO_EXTENSIONS })
    onTestFinished(() => warehouse.close())
    const ctx = testContext()
    const tokenOf = async (partition: string) => (await warehouse.tokens('test', ctx)).find((token) => token.partition === partition)
    /** Of a run of its own: what was served before is in it. */
    const frames = async (columns: Readonly<Record<string, string>> = { id: 'int32', value: 'text' }): Promise<Frames> => {
      const source = subject.source.openSource({ reader: noReader, extensions: NO_EXTENSIONS })
      onTestFinished(() => source.close())
      const found = await source.frames?.({ dataset: 'd', request: subject.request, columns }, ctx)
      if (!found) throw new Error('the source gives no frames')
      return found
    }
    const receive = async (
      given: Frames,
      more: Partial<ReceiveRequest> & { readonly key?: string; readonly partition?: string; readonly signal?: AbortSignal } = {},
    ) => {
      const { key = 'k1', partition = '', signal, ...request } = more
      const place = { pipeline: 'test', table: 'copies', partition }
      const token = (): Token => ({ ...place, inputKey: key, loads: {} })
      const disposition = { mode: partition === '' ? 'replace' : 'replacePartition' } as const
      const expected = await tokenOf(partition)
      const whole = { dataset: 'd', table: 'copies', disposition, place, expected, token, load: 'l1', lasting: true, ...request }
      const received = await warehouse.receive?.(whole, given, signal ? { ...ctx, signal } : ctx)
      if (!received) throw new Error('the warehouse takes no frames')
      return received
    }
    return { ...subject, frames, receive, tokenOf, ctx }
  }

  const errorOf = async <E extends Error>(work: Promise<unknown>, kind: abstract new (...args: never[]) => E): Promise<E> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(kind)
    return error as E
  }

  /** The bytes of a sending, hashed. */
  const sent = async (frames: Frames) => {
    const hash = createHash('sha256')
    const { rows, bytes } = await frames.send(async (chunk) => void hash.update(chunk), new AbortController().signal)
    return { rows, bytes, hash: hash.digest('hex') }
  }

  /** Frames whose sending fails before the last byte was taken. */
  const failing = (frames: Frames, error: Error): Frames => ({
    ...frames,
    send: (take, signal) => {
      let bytes = 0
      return frames.send(async (chunk) => {
        await take(chunk)
        bytes += chunk.length
        if (bytes > 100_000) throw error
      }, signal)
    },
  })

  describe(`${name}: frames`, () => {
    it('both connections say the same format, and the frames have it', async () => {
      const { source, warehouse, frames } = await setup()
      expect(source.frames).toEqual({ format: (await frames()).format })
      expect(warehouse.frames).toEqual(source.frames)
    })

    it('send gives the same bytes each time, and counts rows and bytes', async () => {
      const { frames } = await setup()
      const one = await frames()
      const first = await sent(one)
      expect(first).toMatchObject({ rows: ROWS })
      expect(first.bytes).toBeGreaterThan(ROWS * 100)
      expect(await sent(one)).toEqual(first)
      expect(await sent(await frames())).toEqual(first)
    })

    it('send gives only the columns that are asked for, in their order', async () => {
      const { frames } = await setup()
      expect((await frames({ value: 'text', id: 'int32' })).columns.map((column) => column.name)).toEqual(['value', 'id'])
      expect((await frames({ value: 'text' })).columns).toHaveLength(1)
      await errorOf(frames({ nothing: 'text' }), CheckError)
      await errorOf(frames({ id: 'text' }), CheckError)
    })

    it('what `take` throws ends the sending and comes back as it is; so does the reason of an abort', async () => {
      const { frames } = await setup()
      const one = await frames()
      const refusal = new Error('enough')
      await expect(one.send(() => Promise.reject(refusal), new AbortController().signal)).rejects.toBe(refusal)
      const [stop, reason] = [new AbortController(), new Error('stopped')]
      await expect(one.send(async () => stop.abort(reason), stop.signal)).rejects.toBe(reason)
      expect(await sent(one)).toMatchObject({ rows: ROWS })
    })

    it('receive makes the table, with _partition and _load, and commits the token with the rows', async () => {
      const { frames, receive, table, tokenOf } = await setup()
      expect(await receive(await frames())).toMatchObject({ rows: ROWS, removed: 0, added: [], unchanged: false })
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||l1`])
      expect(await tokenOf('')).toMatchObject({ inputKey: 'k1' })
    })

    it('receive replaces all rows, or those of its partition', async () => {
      const { frames, receive, table, serve } = await setup()
      await receive(await frames(), { partition: 'a' })
      await receive(await frames(), { partition: 'b', load: 'l2' })
      await serve(7)
      expect(await receive(await frames(), { partition: 'a', key: 'k2' })).toMatchObject({ rows: 7, removed: ROWS })
      expect(await table('copies')).toEqual(['7|7|a|l1', `${ROWS}|${ROWS}|b|l2`])
      await serve(0)
      expect(await receive(await frames(), { key: 'k3' })).toMatchObject({ rows: 0, removed: ROWS + 7 })
      expect(await table('copies')).toEqual([])
    })

    it('receive gives rows their _load also where the next load has another', async () => {
      const { frames, receive, table } = await setup()
      await receive(await frames(), { load: '1', lasting: false })
      await receive(await frames(), { load: '2', lasting: false, key: 'k2' })
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||2`])
      await receive(await frames(), { load: 'l3', lasting: true, key: 'k3' })
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||l3`])
    })

    it('receive refuses a table into which another pipeline has loaded', async () => {
      const { frames, receive, table } = await setup()
      await receive(await frames())
      const place = { pipeline: 'other', table: 'copies', partition: '' }
      const token = (): Token => ({ ...place, inputKey: 'k1', loads: {} })
      const error = await errorOf(receive(await frames(), { place, token, expected: undefined, load: 'l2' }), ConfigError)
      expect(error.message).toBe('replace(\'copies\') would delete the rows that pipeline "test" has loaded into it')
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||l1`])
    })

    it('inAttempts gives what its work gives, and throws what it throws', async () => {
      const one = await (await setup()).frames()
      expect(await one.inAttempts(() => sent(one))).toMatchObject({ rows: ROWS })
      const refusal = new Error('no')
      await expect(one.inAttempts(() => Promise.reject(refusal))).rejects.toBe(refusal)
    })

    it('receive leaves everything as it was where the request gives no token', async () => {
      const { frames, receive, table, tokenOf, serve } = await setup()
      await receive(await frames())
      const before = await tokenOf('')
      await serve(9)
      expect(await receive(await frames(), { token: () => undefined })).toMatchObject({ rows: 9, removed: 0, unchanged: true })
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||l1`])
      expect(await tokenOf('')).toEqual(before)
    })

    it('receive commits nothing when the sending fails, whatever has come, nor where the counts differ', async () => {
      const { frames, receive, table, tokenOf, serve } = await setup()
      await receive(await frames())
      await serve(ROWS, 'new')
      const gone = new TransientError('the source is gone')
      expect(await errorOf(receive(failing(await frames(), gone), { key: 'k2' }), TransientError)).toBe(gone)
      const one = await frames()
      const fewer: Frames = { ...one, send: async (take, signal) => ({ ...(await one.send(take, signal)), rows: ROWS + 1 }) }
      await expect(receive(fewer, { key: 'k2' })).rejects.toThrow(String(ROWS + 1))
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||l1`])
      expect(await tokenOf('')).toMatchObject({ inputKey: 'k1' })
      expect(await receive(one, { key: 'k2' })).toMatchObject({ rows: ROWS, removed: ROWS })
    })

    it('receive commits nothing after an abort, and throws its reason', async () => {
      const { frames, receive, table } = await setup()
      const [stop, reason] = [new AbortController(), new Error('stopped')]
      const one = await frames()
      const stopping: Frames = {
        ...one,
        send: (take, signal) =>
          one.send(async (chunk) => {
            await take(chunk)
            stop.abort(reason)
          }, signal),
      }
      await expect(receive(stopping, { signal: stop.signal })).rejects.toBe(reason)
      expect(await table('copies')).toEqual([])
    })

    it('receive refuses other types, other formats, and a token that is not the expected one', async () => {
      const { frames, receive, table, tokenOf, widen } = await setup()
      const none = await tokenOf('')
      await receive(await frames())
      await errorOf(receive({ ...(await frames()), format: 'other' }), ConfigError)
      await errorOf(receive(await frames(), { expected: none }), OutrunError)
      await widen()
      const error = await errorOf(receive(await frames({ id: 'int64', value: 'text' }), { key: 'k2' }), ConfigError)
      expect(error.place).toMatchObject({ table: 'copies', column: 'id' })
      await errorOf(receive(await frames({ value: 'text' }), { key: 'k2' }), ConfigError)
      expect(await table('copies')).toEqual([`${ROWS}|${ROWS}||l1`])
    })
  })
}
