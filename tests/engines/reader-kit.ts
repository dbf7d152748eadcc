import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openReader, type Reader, type ReaderOptions } from '../../lib/engines/reader.ts'

export const LIMITS = { memoryBytes: 2 ** 29, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }
/** Runs until it is stopped. */
export const ENDLESS = 'SELECT sum(sqrt(a.range + b.range)) AS s FROM range(10000000) a, range(1000000) b'

/** A reader of this test alone. */
export function open(more: Partial<ReaderOptions['limits']> = {}, options: Partial<ReaderOptions> = {}): Reader {
  const temp = mkdtempSync(join(tmpdir(), 'millrace-reader-'))
  const reader = openReader({ limits: { ...LIMITS, ...more }, zone: 'UTC', temp, ...options })
  onTestFinished(async () => {
    await reader.close()
    rmSync(temp, { recursive: true, force: true })
  })
  return reader
}
