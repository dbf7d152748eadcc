import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contract } from '../../lib/export/contract/contract.ts'
import { writtenContract } from '../../lib/export/contract/written-contract.ts'
import { temporaryFolder } from '../kit/context.ts'
import { CHECKOUT, command } from '../kit/project.ts'
import { blocksOf, commandsOf, isTold } from './blocks.ts'

const page = readFileSync(join(CHECKOUT, 'docs/contracts.md'), 'utf8')

test("docs/contracts.md: its commands print what is told, of this checkout's pipelines", async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'consumers'))
  const expectation = blocksOf(page).find(({ info }) => info === 'expectation')?.text ?? ''
  writeFileSync(join(folder, 'consumers/billing.json'), expectation)
  const told = blocksOf(page).flatMap(({ text }) => (text.startsWith('$ ') ? commandsOf(text) : []))
  expect(told).toHaveLength(2)
  for (const { command: line, output } of told) {
    const args = line.split(' ').slice(1)
    const { stdout, stderr } = await command(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), ...args, '--project', CHECKOUT], folder)
    expect(isTold(output, stdout, folder) ? output : stdout + stderr).toBe(output)
  }
})

test('docs/contracts.md names every option of a contract', () => {
  const whole = writtenContract(contract({ formulas: 'raw', columns: { id: 'int64' }, orderBy: ['id'] }))
  const options = page.slice(page.indexOf('| options |'), page.indexOf('## What a change breaks'))
  expect(Object.keys(whole).filter((name) => !options.includes(`\`${name}\``))).toEqual([])
})
