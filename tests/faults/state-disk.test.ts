import { describe, expect, it } from 'vitest'
import { CHECKOUT, command, FILES_CONFIG, type TestProject, testProject } from '../kit/project.ts'

/** Nothing but the state is under .millrace/dev. */
const CONFIG = FILES_CONFIG.replace('.millrace/dev/warehouse.duckdb', 'out/w.duckdb')
  .replace('.millrace/dev/landing', 'out/landing')
  .replace('.millrace/dev/export', 'out/export')
const KEYS = Array.from({ length: 6 }, (_, i) => `k${i}`)
const FILES = {
  'millrace.config.ts': CONFIG,
  'pipelines/sales/pipeline.ts': `import { keys, pipeline, replacePartition, source } from '#millrace'
export default pipeline({
  name: 'sales', schema: { line: { id: 'int64' } }, partition: keys(${JSON.stringify(KEYS)}),
  extract: { line: source('data').files('{partition}.csv') },
  load: { line: replacePartition('line') },
})
`,
  ...Object.fromEntries(KEYS.map((key) => [`data/${key}.csv`, 'id\n1\n'])),
  '.millrace/dev/readme': '',
}

const FREE = 'hint: free some space, then run again: what was committed stays'

/** Runs a script with a small disk in place of the state's folder; `run` there is a run of the pipeline. */
async function onSmallDisk(project: TestProject, size: string, script: string) {
  const through = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user']
  const head = `mount -t tmpfs -o size=${size} none .millrace/dev; run() { "${process.execPath}" "${CHECKOUT}/bin/millrace.js" run sales; }\n`
  const { code, stdout, stderr } = await command('unshare', [...through, 'sh', '-c', head + script], project.folder, {
    MILLRACE_LOG: 'off',
  })
  return {
    code,
    stdout,
    error: stderr
      .replaceAll(project.folder, '<project>')
      .replaceAll(/\d{8}T\d{9}-[0-9a-f]{6}/g, '<run>')
      .trim(),
  }
}

describe('a full disk under the state', () => {
  it.each([
    ['where the ledger is made', '8k', 'the disk is full: <project>/.millrace/dev/ledger.sqlite (disk I/O error)'],
    ['where a partition is recorded', '120k', 'the disk is full: <project>/.millrace/dev/ledger.sqlite (database or disk is full)'],
  ])('%s is an error of the disk, and with room the run goes on', async (_where, size, message) => {
    const project = testProject(FILES)
    const full = await onSmallDisk(project, size, 'run')
    expect(full).toMatchObject({ code: 1, error: `error: ${message}\n  ${FREE}` })
    const roomy = await onSmallDisk(project, size, `run; mount -o remount,size=64m .millrace/dev; run`)
    expect(roomy.code, roomy.error).toBe(0)
  })

  it('before anything of a run is an error of the disk, too', async () => {
    const project = testProject(FILES)
    const { code, error } = await onSmallDisk(
      project,
      '1m',
      'run >&2; rm out/w.duckdb; cat /dev/zero >.millrace/dev/filler 2>/dev/null; echo again >&2; run',
    )
    expect(code, error).toBe(1)
    expect(error).toMatch(new RegExp(`\\nagain\\nerror: the disk is full: <project>/.millrace/dev/\\S+ \\([^\\n]+\\)\\n  ${FREE}$`))
  })
})
