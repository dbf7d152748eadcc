import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scheduleOf } from '../../lib/pipeline/define/schedule.ts'
import { temporaryFolder } from '../kit/context.ts'
import { CHECKOUT, command, testProject } from '../kit/project.ts'
import { blocksOf, commandsOf, isTold } from './blocks.ts'

const blocks = blocksOf(readFileSync(join(CHECKOUT, 'docs/scheduling.md'), 'utf8'))
const blockOf = (language: string) => blocks.find((block) => block.language === language)?.text ?? expect.unreachable(`no ${language}`)

const pipelineOf = (name: string, schedule: string) => ({
  [`pipelines/${name}/pipeline.ts`]: `import { pipeline, replace, source } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: '${name}', schema, schedule: ${schedule},
  extract: { each: source('data').files('each.csv') },
  load: { each: replace('${name}') },
})`,
  [`pipelines/${name}/schema.ts`]: "export const schema = { each: { x: 'int64' } } as const\n",
})

test('what the page shows of due and run --due is what they print', async () => {
  const project = testProject({
    'data/each.csv': 'x\n1\n',
    ...pipelineOf('rentals', "{ cron: '0 5 * * *', zone: 'Europe/Berlin' }"),
    ...pipelineOf('weather', "'@hourly'"),
  })
  const environment = { TEST_NOW: '2024-01-10T12:30:00Z', MILLRACE_LOG: 'off' }
  const millrace = (...argv: readonly string[]) =>
    command(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), ...argv], project.folder, environment)
  expect((await millrace('run', 'weather')).code).toBe(0)
  const told = commandsOf(blockOf('console'))
  expect(told).toHaveLength(3)
  for (const { command: line, output } of told) {
    const { code, stdout, stderr } = await millrace(...line.split(' ').slice(1))
    expect(code, stderr).toBe(0)
    expect(isTold(`${output.replace(/^…\n/, '')}`, stdout, project.folder), stdout).toBe(true)
  }
})

/** A folder in the place of /srv/shop, whose millrace ends with the codes given, one call after the other, and notes that it was called. */
function shopEnding(...codes: readonly number[]): string {
  const shop = temporaryFolder()
  mkdirSync(join(shop, 'node_modules/.bin'), { recursive: true })
  const script = join(shop, 'node_modules/.bin/millrace')
  writeFileSync(join(shop, 'codes'), codes.map((code) => `${code}\n`).join(''))
  writeFileSync(script, '#!/bin/sh\necho "$*" >>calls\necho told\ncode=$(head -n 1 codes)\nsed -i 1d codes\nexit "$code"\n')
  chmodSync(script, 0o755)
  return shop
}

const callsIn = (shop: string) => readFileSync(join(shop, 'calls'), 'utf8').trim().split('\n')

test('the crontab says when, and its command prints only what failed', async () => {
  const line = blockOf('crontab').split('\n').at(-2) ?? ''
  const [when = '', run = ''] = [/^(\S+ ){5}/.exec(line)?.[0] ?? '', line.replace(/^(\S+ ){5}/, '')]
  expect(scheduleOf({ name: 'p', schedule: when })?.next(new Date('2024-01-10T12:31:00Z'))?.toISOString()).toBe('2024-01-10T12:35:00.000Z')
  expect(run).not.toContain('%')
  for (const [code, printed] of [
    [0, ''],
    [3, 'told\n'],
  ] as const) {
    const shop = shopEnding(code)
    const { stdout, stderr } = await command('/bin/sh', ['-c', run.replaceAll('/srv/shop', shop)], shop)
    expect([stdout, stderr]).toEqual([printed, ''])
    expect(callsIn(shop)).toEqual(['run --due --profile prod'])
  }
})

test.each([
  [[0], 0],
  [[75, 75, 0], 0],
  [[75, 3], 3],
  [[75, 75, 75], 75],
])('the step of the workflow, where millrace ends with %j, ends with %i', async (codes, exit) => {
  const [, step = ''] = /run: \|\n((?: {10}.*\n)+)/.exec(blockOf('yaml')) ?? []
  const shop = shopEnding(...codes)
  // As the runner does it: bash -e.
  const { code, stderr } = await command('bash', ['-e', '-c', `sleep() { :; }\n${step}`], shop)
  expect([code, stderr]).toEqual([exit, ''])
  expect(callsIn(shop)).toHaveLength(codes.length)
})
