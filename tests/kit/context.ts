import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../lib/core/clock.ts'
import type { RunContext, RunEvent } from '../../lib/core/context.ts'

/** A clock that moves only when told: `sleep` moves it at once by the whole delay and keeps the delay in `slept`. */
export interface ManualClock extends Clock {
  readonly slept: readonly number[]
  advance(ms: number): void
}

export function manualClock(start: Date | string = '2018-02-07T01:30:00Z'): ManualClock {
  let now = new Date(start).getTime()
  const slept: number[] = []
  return {
    slept,
    now: () => new Date(now),
    advance: (ms) => {
      now += ms
    },
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      slept.push(ms)
      now += ms
    },
  }
}

export interface TestContext extends RunContext {
  readonly events: readonly RunEvent[]
}

/** A RunContext with a fresh workspace that is removed after the test, collected events and a manual clock. Call it inside a test. */
export function testContext(overrides: Partial<RunContext> = {}): TestContext {
  const workspace = overrides.workspace ?? temporaryFolder()
  const events: RunEvent[] = []
  return {
    pipeline: 'test',
    run: 'run-1',
    clock: manualClock(),
    signal: new AbortController().signal,
    limits: { memoryBytes: 512 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 },
    emit: (event) => events.push(event),
    ...overrides,
    workspace,
    events,
  }
}

/** A fresh folder, removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
