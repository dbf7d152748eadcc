import { expect, test } from 'vitest'
import type { Source, SourceConnection } from '../../lib/connectors/source.ts'
import { openSources } from '../../lib/pipeline/run/sources.ts'

/** A connection that counts how often it is opened and closed. */
function connection(concurrency: number) {
  const seen = { opened: 0, closed: 0 }
  const openSource = () => {
    seen.opened++
    return { concurrency, close: async () => void seen.closed++ } as unknown as Source
  }
  return { seen, connection: { openSource } as unknown as SourceConnection }
}

const tools = { reader: () => ({}), extensions: {} } as never

test('sources give a connection as many reads at once as it takes, and each connection its own', async () => {
  const [few, other] = [connection(2), connection(1)]
  const sources = openSources({ few: few.connection, other: other.connection }, tools)
  const running = { few: 0, other: 0 }
  const most = { few: 0, other: 0, both: 0 }
  const read = (name: 'few' | 'other') =>
    sources.use(name, async () => {
      running[name]++
      most[name] = Math.max(most[name], running[name])
      most.both = Math.max(most.both, running.few + running.other)
      await new Promise((resolve) => setTimeout(resolve, 10))
      running[name]--
    })
  await Promise.all([...Array.from({ length: 7 }, () => read('few')), ...Array.from({ length: 3 }, () => read('other'))])
  expect(most).toEqual({ few: 2, other: 1, both: 3 })
  await sources.close()
  expect([few.seen, other.seen]).toEqual([
    { opened: 1, closed: 1 },
    { opened: 1, closed: 1 },
  ])
})

test('sources hand on the place of a read that failed', async () => {
  const { connection: one } = connection(1)
  const sources = openSources({ one }, tools)
  const failed = sources.use('one', () => Promise.reject(new Error('gone')))
  const next = sources.use('one', async () => 'read')
  await expect(failed).rejects.toThrow('gone')
  expect(await next).toBe('read')
  expect(await sources.use('one', async () => 'again')).toBe('again')
})

test('sources that nobody reads are not opened', async () => {
  const { seen, connection: idle } = connection(1)
  await openSources({ idle }, tools).close()
  expect(seen).toEqual({ opened: 0, closed: 0 })
})
