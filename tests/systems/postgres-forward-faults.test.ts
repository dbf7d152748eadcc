import { describe, expect, it } from 'vitest'
import type { Frames } from '../../lib/connectors/frames.ts'
import { CheckError, type MillraceError, TransientError } from '../../lib/core/errors.ts'
import { forwardBetween, forwardServers } from '../connectors/postgres/forward-kit.ts'
import { failure } from '../connectors/postgres/warehouse-kit.ts'
import { databaseProxy } from '../kit/database-proxy.ts'

const servers = forwardServers()

const setup = () => forwardBetween(servers.old, servers.young)

describe('faults', () => {
  const big = 'CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 8) AS value FROM generate_series(1, 20000) AS i'

  async function loaded() {
    const all = await setup()
    await all.source(big)
    await all.forward({})
    await all.source("UPDATE t SET value = 'new'")
    const state = async () => [
      ...(await all.warehouse('SELECT count(*), count(DISTINCT value), min(value) FROM t')),
      (await all.token('t'))?.inputKey,
    ]
    return { ...all, state, before: await state() }
  }

  it('of the source at any byte leave the old rows, and the next run loads', async () => {
    const { forward, state, before } = await loaded()
    for (const at of [1, 11, 19, 20_000, 200_000]) {
      const tap = (frames: Frames): Frames => ({
        ...frames,
        send: (take, signal) => {
          let left = at
          return frames.send(async (chunk) => {
            await take(chunk.subarray(0, Math.max(0, left)))
            left -= chunk.length
            if (left <= 0) throw new TransientError('the source is gone')
          }, signal)
        },
      })
      const error = await failure(forward({}, { tap, to: { retries: 0 } }), TransientError)
      expect(error.message).toBe('the source is gone')
      expect(await state()).toEqual(before)
    }
    expect(await forward({})).toMatchObject({ rows: 20_000, removed: 20_000, unchanged: false })
  })

  it('of the source that say nothing of themselves: an early end is no end', async () => {
    const { forward, state, before } = await loaded()
    const tap = (frames: Frames): Frames => ({
      ...frames,
      send: async (take, signal) => {
        let first = true
        // The header and whole rows, with a trailer: all that a server could be content with.
        return frames.send(async (chunk) => {
          if (first) await take(Buffer.concat([chunk.subarray(0, 19), Buffer.from([0xff, 0xff])]))
          first = false
        }, signal)
      },
    })
    const error = await forward({}, { tap }).catch((thrown: unknown) => thrown as MillraceError)
    expect((error as MillraceError).message).toMatch(/took 0 rows where .* sent 20000/)
    expect(await state()).toEqual(before)
  })

  it('of the connections: each is made again, with nothing doubled', async () => {
    const { forward, warehouse, source } = await setup()
    await source(big)
    await using before = await databaseProxy(servers.old)
    await using behind = await databaseProxy(servers.young)
    const ways = { from: { host: before.host, port: before.port }, to: { host: behind.host, port: behind.port } }
    behind.cutOnceAfter(2_000_000)
    expect(await forward({}, ways)).toMatchObject({ rows: 20_000, removed: 0 })
    behind.once('COMMIT', 'loseReply')
    expect(await forward({}, { ...ways, force: true })).toMatchObject({ rows: 20_000, removed: 20_000 })
    behind.once('COMMIT', 'cutBefore')
    expect(await forward({}, { ...ways, force: true })).toMatchObject({ rows: 20_000, removed: 20_000 })
    before.once('COPY (SELECT', 'cutBefore')
    expect(await forward({}, { ...ways, force: true })).toMatchObject({ rows: 20_000, removed: 20_000 })
    expect(await warehouse('SELECT count(*), count(DISTINCT id) FROM t')).toEqual(['20000|20000'])
    expect([before.faults, behind.faults]).toEqual([1, 3])
  })

  it('of the source server: killed in the middle, it leaves the old rows', async () => {
    const { forward, state, before, from } = await loaded()
    const tap = (frames: Frames): Frames => ({
      ...frames,
      send: (take, signal) => {
        let killed = false
        return frames.send(async (chunk) => {
          await take(chunk)
          if (killed) return
          killed = true
          await servers.old.query(
            from,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT q.%' AND pid <> pg_backend_pid()",
          )
        }, signal)
      },
    })
    const error = await failure(forward({}, { tap, to: { retries: 0 } }), TransientError)
    expect(error.message).toMatch(/^reading public\.t from .* failed: /)
    expect(error.place).toMatchObject({ stage: 'extract', dataset: 'd' })
    expect(await state()).toEqual(before)
  })

  it('an abort ends both sides, and leaves the old rows', async () => {
    const { forward, state, before, from, to } = await loaded()
    const stop = new AbortController()
    const tap = (frames: Frames): Frames => ({
      ...frames,
      send: (take, signal) =>
        frames.send(async (chunk) => {
          await take(chunk)
          stop.abort(new Error('stopped'))
        }, signal),
    })
    await expect(forward({}, { tap, signal: stop.signal })).rejects.toThrow('stopped')
    expect(await state()).toEqual(before)
    const ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'"
    await expect
      .poll(async () => [...(await servers.old.query(from, ours)), ...(await servers.young.query(to, ours))])
      .toEqual([['0'], ['0']])
  })

  it('of the warehouse: a value that it refuses ends the reading too', async () => {
    const { forward, source, warehouse, from } = await setup()
    await source(big)
    await forward({})
    await warehouse('DELETE FROM t; ALTER TABLE t ADD CHECK (id < 15000)')
    const error = await failure(forward({}, { force: true }), CheckError)
    expect(error.message).toMatch(/violates check constraint/)
    expect(error.place).toMatchObject({ stage: 'load', table: 't' })
    await expect
      .poll(() => servers.old.query(from, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace/%'"))
      .toEqual([['0']])
  })

  it('with one connection alone', async () => {
    const { forward, source, warehouse } = await setup()
    await source(big)
    await forward({}, { from: { maxConnections: 1 } })
    expect(await forward({}, { from: { maxConnections: 1 } })).toMatchObject({ unchanged: true, rows: 20_000 })
    expect(await warehouse('SELECT count(*) FROM t')).toEqual(['20000'])
  })
})
