import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { stockProject } from './stock.ts'

test('a run that reads again and finds the same says what it has read', async () => {
  const project = stockProject()
  expect(await millrace(project, 'run', 'stock')).toMatchObject({ code: 0 })
  expect((await millrace(project, 'run', 'stock')).stdout).toMatch(/^stock \(dev\): nothing to do, everything is up to date in /)
  const { stdout } = await millrace(project, 'run', 'stock', '--from', 'krakow', '--refresh')
  expect(stdout).toMatch(/^stock \(dev\): read again, and found the same in .*; partitions: 2 up to date$/m)
  expect(stdout).toMatch(/^read +stock \(2 partitions\): nothing new$/m)
})
