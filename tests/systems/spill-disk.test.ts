import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { committed, reset } from '../faults/kit.ts'
import { filesUnder } from '../kit/files-under.ts'
import { makeProject, type TestProject } from '../kit/project.ts'
import { onSmallDisk } from '../kit/small-disk.ts'

/** A thousand rows land, many long texts are made of them: what spills is the step's own, or the export's. */
const text = (salts: readonly number[]) => `concat(${salts.map((salt) => `hash(id, r, ${salt})`).join(', ')})`
const pipelineOf = (name: string, step: string, column: string, targets: string) => ({
  [`pipelines/${name}/pipeline.ts`]: `import { contract, csv, pipeline, replace, source, sql } from '#millrace'
const columns = { n: '${column}' } as const
const schema = { line: { id: 'int64' }, made: columns } as const
export default pipeline({
  name: '${name}', schema,
  extract: { line: source('data').files('in.csv') },
  transform: { made: sql\`${step}\` },
  ${targets}
})
`,
})

const PIPELINES = {
  ...pipelineOf(
    'grouped',
    `SELECT count(*) AS n FROM (SELECT DISTINCT ${text([1, 2, 3, 4, 5, 6])} FROM line, range(1500) AS more(r))`,
    'int64',
    "load: { made: replace('grouped') },",
  ),
  ...pipelineOf(
    'ordered',
    `SELECT ${text([1, 2, 3, 4])} AS n FROM line, range(1200) AS more(r)`,
    'text',
    "export: { made: csv('ordered.csv', { contract: contract({ formulas: 'raw', columns, orderBy: ['n'] }) }) },",
  ),
}

const SPILL_FULL =
  /: the disk of the run's workspace is full: no room for what does not fit into memory, [\d.]+ \w+ of it spilled so far\n {2}hint: free some space, then run again: what was committed stays$/

let project: TestProject
beforeEach(() => {
  const lines = Array.from({ length: 1000 }, (_, id) => `${id}\n`).join('')
  project = makeProject({ 'data/in.csv': `id\n${lines}`, ...PIPELINES })
})
afterEach(() => project.remove())

describe('a disk that is too small for what engines spill', () => {
  it.each([
    ['grouped', 'transform made', '8m'],
    ['ordered', 'export made ordered.csv', '60m'],
  ])(
    'stops %s in %s, and says that it is the disk; with room it goes on',
    async (name, place, size) => {
      const run = ['run', name, '--memory', '128MB', '--threads', '2']
      const { code, stdout, stderr } = await project.millrace(...run)
      expect(code, stdout + stderr).toBe(0)
      const clean = await committed(project)
      reset(project)

      const { full, roomy } = await onSmallDisk(project, { folder: 'workspace', size }, ...run)
      expect(full.code).toBe(1)
      expect(full.error).toMatch(SPILL_FULL)
      expect(full.error).toContain(`${name} ${place}: `)
      expect(filesUnder(project, 'out/left')).toEqual(['_turn.lock'])
      expect(roomy.code, roomy.error).toBe(0)
      expect(await committed(project)).toEqual(clean)
    },
    120_000,
  )
})
