import { afterAll, beforeAll, expect, test } from 'vitest'
import { killedAtLine } from '../kit/killed-at.ts'
import { sharedProject } from '../pipeline/backfill/shared-changed.ts'

const { backfill, compare, project, candidates, made, prepare } = sharedProject()
beforeAll(prepare, 120_000)
afterAll(() => project.remove())

test('accept of what partitions share, killed at any line of its log, is done by the next one; reject finishes what was begun', {
  timeout: 900_000,
}, async () => {
  const before = await made()
  expect((await compare()).code).toBe(3)
  project.save('compared')
  expect((await backfill('--accept')).code).toBe(0)
  const after = await made()
  expect(after).not.toEqual(before)
  let [kills, finished] = [0, 0]
  for (let line = 1; line <= 9; line++) {
    for (const next of ['--accept', '--reject']) {
      project.restore('compared')
      if (await killedAtLine(project, ['backfill', 'sales', '--accept'], line)) kills++
      const { code, stdout, error } = await backfill(next)
      const over = error.includes('there are no candidates')
      expect(code, error).toBe(over ? 2 : 0)
      if (stdout.includes('had begun to commit shared')) finished++
      expect(await made(), stdout).toEqual(stdout.includes('as they were') ? before : after)
      expect(candidates()).toEqual([])
    }
  }
  expect(kills).toBeGreaterThan(5)
  expect(finished).toBeGreaterThan(0)
})
