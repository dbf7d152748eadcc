import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type InstalledProject, installedProject } from '../kit/packed.ts'
import { command } from '../kit/project.ts'
import { blocksOf, commandsOf, isTold } from './blocks.ts'

const root = new URL('../../', import.meta.url).pathname
const blocks = blocksOf(readFileSync(join(root, 'docs/guide.md'), 'utf8'))

let project: InstalledProject
beforeAll(() => {
  project = installedProject()
}, 180_000)
afterAll(() => project?.remove())

test('docs/guide.md has only blocks that are run or written', () => {
  expect(blocks.length).toBeGreaterThan(20)
  const idle = blocks.filter(({ language, info, text }) => (info === '') !== (language === 'sh' && text.startsWith('$ ')))
  expect(idle).toEqual([])
})

test('docs/guide.md: every command prints what is told, in order', { timeout: 300_000 }, async () => {
  for (const { info, text, line } of blocks) {
    if (info !== '') write(info, text)
    else
      for (const { command: told, output, exit } of commandsOf(text)) {
        const { code, given } = await shell(told)
        // `show` gives the first rows that come.
        const settle = (all: string) => (told.startsWith('millrace show') ? all.split('\n').toSorted().join('\n') : all)
        const same = isTold(settle(output), settle(given), project.folder)
        const where = `docs/guide.md, block of line ${line}: $ ${told}`
        expect({ code, output: given }, where).toEqual({ code: exit, output: same ? given : output })
      }
  }
})

test('docs/guide.md: its TypeScript compiles against the installed package, and a misspelt name does not', { timeout: 120_000 }, () => {
  mkdirSync(join(project.folder, 'node_modules/@types'), { recursive: true })
  symlinkSync(join(root, 'node_modules/@types/node'), join(project.folder, 'node_modules/@types/node'))
  expect(tsc()).toBe('')
  const pipeline = readFileSync(join(project.folder, 'pipelines/sales/pipeline.ts'), 'utf8')
  write('pipelines/sales/pipeline.ts', pipeline.replace("unique('sale_id')", "unique('sale_di')").replace('shares: csv', 'sharse: csv'))
  const said = tsc()
  expect(said).toContain(`'"sale_di"'`)
  expect(said).toContain("'sharse'")
})

function write(path: string, text: string): void {
  mkdirSync(dirname(join(project.folder, path)), { recursive: true })
  writeFileSync(join(project.folder, path), text)
}

/** Runs a command line as a person in the project's folder, who has no terminal: standard output, then standard error. */
async function shell(line: string): Promise<{ readonly code: number | null; readonly given: string }> {
  const { code, stdout, stderr } = await command('bash', ['-c', line], project.folder, {
    PATH: `${project.bin}:${process.env.PATH}`,
    MILLRACE_LOG: 'off',
    MILLRACE_THREADS: '2',
  })
  return { code, given: (stdout + stderr).trimEnd() }
}

function tsc(): string {
  return spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--pretty', 'false', '-p', project.folder], {
    encoding: 'utf8',
  }).stdout
}
