import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { launchAhead, readerChild } from '../../lib/engines/launch-reader.ts'
import { openReader } from '../../lib/engines/reader.ts'
import { ownChildren } from '../../lib/observe/proc.ts'
import { temporaryFolder } from '../kit/context.ts'

const LIMITS = { memoryBytes: 2 ** 28, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 }

it('the first reader of as many threads has the child that was launched ahead, and it reads', async () => {
  const before = ownChildren()
  launchAhead(2)
  launchAhead(2)
  const [pid, ...more] = ownChildren().filter((each) => !before.includes(each))
  expect(more).toEqual([])
  const other = readerChild(3)
  onTestFinished(() => void other.kill('SIGKILL'))
  const reader = openReader({ limits: LIMITS, zone: 'Europe/Paris', temp: temporaryFolder() })
  onTestFinished(() => reader.close())
  expect(ownChildren().filter((each) => !before.includes(each))).toEqual([pid, other.pid])
  const { meta } = await reader.execute({
    statements: [],
    meta: { sql: "SELECT current_setting('TimeZone') AS zone, current_setting('threads') AS threads" },
  })
  expect(meta).toEqual([{ zone: 'Europe/Paris', threads: '2' }])
})

it('a child that was launched ahead and has died is not taken', async () => {
  const before = ownChildren()
  launchAhead(2)
  const [pid] = ownChildren().filter((each) => !before.includes(each))
  process.kill(pid ?? 0, 'SIGKILL')
  while (ownChildren().includes(pid ?? 0)) await sleep(5)
  await sleep(0)
  const reader = openReader({ limits: LIMITS, zone: 'UTC', temp: temporaryFolder() })
  onTestFinished(() => reader.close())
  expect((await reader.execute({ statements: [], meta: { sql: 'SELECT 1 AS one' } })).meta).toEqual([{ one: '1' }])
})

it('a child that nobody takes holds no process open, and dies with it', async () => {
  const module = (path: string) => JSON.stringify(new URL(`../../lib/${path}`, import.meta.url).pathname)
  const script = `
    import { launchAhead } from ${module('engines/launch-reader.ts')}
    import { ownChildren } from ${module('observe/proc.ts')}
    launchAhead(2)
    console.log(ownChildren()[0])`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  const pid = Number(stdout)
  expect(pid).toBeGreaterThan(0)
  while (existsSync(`/proc/${pid}`)) await sleep(20)
})
