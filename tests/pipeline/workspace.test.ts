import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openWorkspace, sweepWorkspaces } from '../../lib/pipeline/run/workspace.ts'
import { temporaryFolder } from '../kit/context.ts'
import { wrapDisk } from '../kit/failing-disk.ts'

const folders = (workspaces: string) => readdirSync(workspaces).filter((name) => !name.startsWith('_'))

test('sweepWorkspaces removes what dead runs have left, and nothing of those that live or are just beginning', async () => {
  const workspaces = temporaryFolder()
  mkdirSync(join(workspaces, 'dead'))
  writeFileSync(join(workspaces, 'dead', 'rows.parquet'), 'x')
  const open = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => {
      // Some begin while others sweep.
      await sleep(i % 8)
      const workspace = await openWorkspace(workspaces, `run-${i}`)
      await sweepWorkspaces(workspaces)
      return workspace
    }),
  )
  expect(folders(workspaces).sort()).toEqual(open.map((_, i) => `run-${i}`).sort())
  for (const workspace of open) expect(existsSync(await workspace.unit())).toBe(true)
  await Promise.all(open.map((workspace) => workspace.close()))
  expect(folders(workspaces)).toEqual([])
})

test('a state folder behind a link to what is not there is said to be that, not a file in the way', async () => {
  const folder = temporaryFolder()
  symlinkSync('/not/mounted', join(folder, 'disk'))
  await expect(openWorkspace(join(folder, 'disk/state/workspace'), 'run-1')).rejects.toThrow(
    `${join(folder, 'disk')} is a link to /not/mounted, which is not there`,
  )
})

test('a workspace that cannot be removed ends nothing, and goes with the next sweep', async () => {
  const workspaces = temporaryFolder()
  const workspace = await openWorkspace(workspaces, 'run-1')
  const unit = await workspace.unit()
  const restore = wrapDisk((name, _, work) =>
    name === 'removeTree' ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : work(),
  )
  try {
    await workspace.drop(unit)
    await workspace.close()
    expect(await sweepWorkspaces(workspaces)).toBe(0)
    expect(existsSync(unit)).toBe(true)
  } finally {
    restore()
  }
  expect(await sweepWorkspaces(workspaces)).toBe(1)
  expect(folders(workspaces)).toEqual([])
})

test('sweepWorkspaces says which runs are dead before it removes anything, and keeps their workspaces when that fails', async () => {
  const workspaces = temporaryFolder()
  mkdirSync(join(workspaces, 'dead'))
  const workspace = await openWorkspace(workspaces, 'alive')
  const told: string[] = []
  const refuse = (dead: ReadonlySet<string>) => {
    told.push(...dead)
    return Promise.reject(new Error('the store is away'))
  }
  await expect(sweepWorkspaces(workspaces, refuse)).rejects.toThrow('the store is away')
  expect([told, folders(workspaces).sort()]).toEqual([['dead'], ['alive', 'dead']])
  expect(await sweepWorkspaces(workspaces)).toBe(1)
  await workspace.close()
})
