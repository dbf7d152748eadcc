import { globSync } from 'node:fs'
import { expect, test } from 'vitest'
import { backfill } from '../../lib/pipeline/backfill/backfill.ts'
import { openProject } from '../../lib/pipeline/project.ts'
import { millrace } from '../kit/millrace.ts'
import { all, csv, DAYS, landed, oneByOne, project, ROWS, ran } from './scanned.ts'

test('a run over several partitions of one file reads it once, and lands what each would have read alone', async () => {
  const together = project()
  expect(await ran(together)).toMatchObject({ code: 0, outcomes: all('done'), scans: [3] })
  expect(landed(together)).toEqual(landed(await oneByOne(project())))
  expect(await together.warehouse('SELECT _partition, id FROM sale ORDER BY id')).toHaveLength(6)
  // What has landed is not read again.
  expect(await ran(together)).toMatchObject({ code: 0, scans: [] })
  expect(await ran(together, { to: '2024-01-09', refresh: true })).toMatchObject({ code: 0, scans: [2] })
  expect(Object.keys(landed(together))).toHaveLength(3)
})

test('a row that does not fit fails its own partition, with the words of a read alone', async () => {
  const bad = csv(ROWS.map((row) => row.replace('4,2024-01-07', 'four,2024-01-07')))
  const together = project(bad)
  const { code, scans, outcomes, report } = await ran(together, { keepGoing: true })
  expect({ code, scans }).toEqual({ code: 1, scans: [3] })
  expect(outcomes).toEqual(DAYS.map((day) => `${day} ${day === '2024-01-07' ? 'failed' : 'done'}`))
  const alone = await ran(project(bad), { partition: '2024-01-07' })
  expect(report.partitions.find(({ outcome }) => outcome === 'failed')?.error).toEqual(alone.report.partitions[0]?.error)
  expect(alone.report.partitions[0]?.error?.message).toBe('column "id" row 6 of sales.csv: "four" is not an int32')
  // Mended, only that one is read.
  together.write({ 'data/sales.csv': csv() })
  expect(await ran(together)).toMatchObject({ code: 0, outcomes: ['2024-01-07 done'], scans: [] })
})

test('a scan that fails leaves each partition to read for itself, and to say what is wrong', async () => {
  const bad = project(`${csv()}\n1,2,3,4,5\n`)
  let left: readonly string[] | undefined
  const { scans, report } = await ran(bad, { keepGoing: true }, ({ type }) => {
    if (type === 'warning') left = globSync('.millrace/dev/workspace/*/scan/*', { cwd: bad.folder })
  })
  expect(scans).toEqual([])
  // They want the room: it may be the disk that was full.
  expect(left).toEqual([])
  expect(report.warnings).toEqual([expect.stringMatching(/^sale: one scan for 3 partitions has failed, so each reads for itself: /)])
  expect(report.partitions.map(({ outcome, error }) => [outcome, error?.file])).toEqual(DAYS.map(() => ['failed', 'sales.csv']))
})

test('plan says over how many partitions one scan goes', async () => {
  const { stdout } = await millrace(project(), 'plan', 'p')
  expect(stdout).toContain('window sold, one scan for 3 partitions')
})

test('a backfill that is to begin nothing more ends its scan, too: nothing of it is kept', async () => {
  const drain = new AbortController()
  const seen: string[] = []
  const report = await backfill(await openProject(project().folder), 'p', {
    drain: drain.signal,
    events: {
      event: (event) => {
        if (event.type !== 'stage') return
        seen.push(`${event.stage} ${event.phase === 'end' ? event.outcome : event.phase}`)
        drain.abort()
      },
      close: () => {},
    },
  })
  expect(seen).toEqual(['extract start', 'extract stopped'])
  expect(report).toMatchObject({ exitCode: 130, warnings: [], partitions: DAYS.map(() => ({ outcome: 'notRun' })) })
})
