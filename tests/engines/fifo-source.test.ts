import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ByteStream } from '../../lib/core/byte-stream.ts'
import { PermanentError } from '../../lib/core/errors.ts'
import { openDuckDB } from '../../lib/engines/duckdb.ts'
import { makeFifo, openFifo, type Producer } from '../../lib/engines/fifo-source.ts'
import { temporaryFolder } from '../kit/context.ts'

async function fifo(): Promise<string> {
  const path = join(temporaryFolder(), 'pipe')
  await makeFifo(path)
  return path
}

/** All bytes, each chunk copied while it holds. */
async function whole(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** Destroys a stream when its first chunk has come. */
function destroyAtFirst(stream: ByteStream, reason: Error): void {
  void stream[Symbol.asyncIterator]()
    .next()
    .then(() => stream.destroy(reason))
}

/** Writes `bytes` of `x`, then does what `end` says. */
const writing =
  (bytes: number, end: () => number): Producer =>
  async (path) => {
    const file = await open(path, 'w')
    try {
      for (let left = bytes; left > 0; left -= 50_000) await file.write(Buffer.alloc(Math.min(left, 50_000), 'x'))
    } finally {
      await file.close()
    }
    return end()
  }

test('openFifo streams what the producer writes and ends when it has succeeded', async () => {
  const { stream, rows, stopped } = await openFifo(
    await fifo(),
    writing(3_000_000, () => 7),
  )
  expect((await whole(stream)).length).toBe(3_000_000)
  expect(await rows).toBe(7)
  expect(stopped()).toBe(false)
})

test('openFifo streams what DuckDB copies', async () => {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 2, temp: join(temporaryFolder(), 't') })
  try {
    const { stream, rows } = await openFifo(await fifo(), (path, signal) =>
      db.run(`COPY (SELECT range FROM range(200000)) TO '${path}' (FORMAT csv, HEADER false, USE_TMP_FILE false)`, undefined, signal),
    )
    const text = (await whole(stream)).toString()
    expect(text.split('\n').length - 1).toBe(200_000)
    expect(await rows).toBe(200_000)
  } finally {
    db.close()
  }
})

test('openFifo takes no end of file for success: a producer that dies midway errors the stream', async () => {
  const dying = writing(100_000, () => {
    throw new Error('died')
  })
  const { stream, rows, stopped } = await openFifo(await fifo(), dying)
  await expect(whole(stream)).rejects.toThrow('died')
  await expect(rows).rejects.toThrow('died')
  expect(stopped()).toBe(false)
  // The broken twin: whoever takes the end of file for success sees a whole stream here.
  const path = await fifo()
  const twin = whole(createReadStream(path))
  await dying(path, new AbortController().signal).catch(() => {})
  expect((await twin).length).toBe(100_000)
})

test('openFifo is not held up by a producer that never opens the FIFO', async () => {
  const failed = await openFifo(await fifo(), async () => {
    throw new Error('cannot bind')
  })
  await expect(whole(failed.stream)).rejects.toThrow('cannot bind')
  const silent = await openFifo(await fifo(), async () => 0)
  expect((await whole(silent.stream)).length).toBe(0)
  expect(await silent.rows).toBe(0)
})

test('openFifo stops the producer of a stream that nobody reads before the FIFO closes', async () => {
  const seen: string[] = []
  const producer: Producer = async (path, signal) => {
    const file = await open(path, 'w')
    try {
      while (!signal.aborted) await file.write(Buffer.alloc(50_000, 'x'))
      seen.push('stopped')
      // More than a pipe holds: somebody still reads, nothing breaks.
      for (let i = 0; i < 20; i++) await file.write(Buffer.alloc(50_000, 'x'))
      seen.push('drained')
      throw signal.reason
    } finally {
      await file.close()
    }
  }
  const { stream, rows, stopped } = await openFifo(await fifo(), producer)
  destroyAtFirst(stream, new Error('the store has gone'))
  await expect(rows).rejects.toThrow('the store has gone')
  expect(seen).toEqual(['stopped', 'drained'])
  expect(stopped()).toBe(true)
})

test('openFifo reads on for a producer whose stream is destroyed by what sees the chunks', async () => {
  const source = await openFifo(
    await fifo(),
    writing(3_000_000, () => 7),
    () => void source.stream.destroy(new Error('seen enough')),
  )
  await expect(whole(source.stream)).rejects.toThrow('seen enough')
  expect(await source.rows).toBe(7)
})

/** Writes numbers of four bytes, in pieces of this size. */
const counting =
  (count: number, piece: number): Producer =>
  async (path) => {
    const file = await open(path, 'w')
    const bytes = Buffer.from(Uint32Array.from({ length: count }, (_, i) => i).buffer)
    try {
      for (let at = 0; at < bytes.length; at += piece) await file.write(bytes.subarray(at, at + piece))
    } finally {
      await file.close()
    }
    return count
  }

/** What was read, the chunks copied when they were asked for, after a while, or (the broken twin) at the end. */
async function readLent(count: number, piece: number, copied: 'at once' | 'after a while' | 'at the end'): Promise<Buffer> {
  const { stream, rows } = await openFifo(await fifo(), counting(count, piece))
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    if (copied === 'after a while') await setTimeout(chunks.length % 3)
    chunks.push(copied === 'at the end' ? chunk : Buffer.from(chunk))
  }
  expect(await rows).toBe(count)
  return Buffer.concat(chunks)
}

test('openFifo leaves a chunk as it is until the next one is asked for, and no longer', async () => {
  const numbers = Buffer.from(Uint32Array.from({ length: 500_003 }, (_, i) => i).buffer)
  for (const piece of [7_000, 65_536, 1_000_000])
    for (const copied of ['at once', 'after a while'] as const)
      expect((await readLent(500_003, piece, copied)).equals(numbers), `${piece}, ${copied}`).toBe(true)
  expect((await readLent(500_003, 65_536, 'at the end')).equals(numbers)).toBe(false)
})

test('openFifo ends as the producer does: short, empty, failed, given up', async () => {
  expect((await readLent(1, 4, 'at once')).length).toBe(4)
  expect((await readLent(0, 4, 'at once')).length).toBe(0)
  const dying = await openFifo(
    await fifo(),
    writing(3_000_000, () => {
      throw new Error('died')
    }),
  )
  await expect(whole(dying.stream)).rejects.toThrow('died')
  const left = await openFifo(await fifo(), async (path, signal) => {
    await writing(3_000_000, () => 7)(path, signal)
    signal.throwIfAborted()
    return 7
  })
  for await (const _ of left.stream) break
  await expect(left.rows).rejects.toThrow('aborted')
  const full = await openFifo(
    await fifo(),
    writing(3_000_000, () => 7),
  )
  // All memory is lent, and nobody takes it: the producer must not be left at a full pipe.
  await setTimeout(20)
  full.stream.destroy(new Error('the store has gone'))
  expect(await full.rows).toBe(7)
})

test('openFifo interrupts DuckDB in the middle of a copy', async () => {
  const db = await openDuckDB({ memoryBytes: 2 ** 28, threads: 2, temp: join(temporaryFolder(), 't') })
  try {
    const { stream, rows } = await openFifo(await fifo(), (path, signal) =>
      db.run(`COPY (SELECT range FROM range(1000000000)) TO '${path}' (FORMAT csv, USE_TMP_FILE false)`, undefined, signal),
    )
    destroyAtFirst(stream, new Error('enough'))
    await expect(rows).rejects.toThrow('enough')
    expect(await db.meta('SELECT 1 AS n')).toEqual([{ n: '1' }])
  } finally {
    db.close()
  }
})

test('makeFifo says what to do where it cannot', async () => {
  const path = join(temporaryFolder(), 'no', 'such', 'folder')
  await expect(makeFifo(path)).rejects.toThrow(`cannot make a named pipe with mkfifo at ${path}`)
  const before = process.env.PATH
  process.env.PATH = temporaryFolder()
  try {
    await expect(makeFifo(path)).rejects.toBeInstanceOf(PermanentError)
    await expect(makeFifo(path)).rejects.toMatchObject({ hint: 'install coreutils: rows go through a named pipe' })
  } finally {
    process.env.PATH = before
  }
})
