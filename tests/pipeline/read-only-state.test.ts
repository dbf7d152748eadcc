import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { CHECKOUT, command, testProject } from '../kit/project.ts'

const PROJECT = {
  'data/a.csv': 'id\n1\n',
  'data/b.csv': 'id\n2\n',
  'pipelines/p/pipeline.ts': `import { keys, pipeline, replacePartition, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'p', schema, partition: keys(['a', 'b']),
  extract: { line: source('data').files('{partition}.csv') },
  transform: { twice: sql\`SELECT id * 2 AS id FROM line\` },
  load: { twice: replacePartition('twice') },
})
`,
  'pipelines/p/schema.ts': "export const schema = { line: { id: 'int64' }, twice: { id: 'int64' } } as const\n",
}

test('status, plan and show read a state that may not be written; run says why it cannot', async () => {
  const project = testProject(PROJECT)
  expect((await millrace(project, 'run', 'p')).code).toBe(0)
  const through = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user']
  const readOnly = async (folder: string, ...args: readonly string[]) => {
    const script = `mount --bind ${folder} ${folder}; mount -o remount,ro,bind ${folder}; exec "${process.execPath}" "${CHECKOUT}/bin/millrace.js" "$@"`
    return command('unshare', [...through, 'sh', '-c', script, 'sh', ...args], project.folder, { MILLRACE_LOG: 'off' })
  }
  const status = await readOnly('.millrace', 'status', 'p')
  expect(status).toMatchObject({ code: 0, stderr: '' })
  expect(status.stdout).toMatch(/^p \(dev\): 2 done; last run done at /)
  const plan = await readOnly('.millrace', 'plan', 'p')
  expect(plan).toMatchObject({ code: 0, stderr: '' })
  expect(plan.stdout).toContain('2 done')
  const show = await readOnly('.millrace', 'show', 'p', 'twice', '--partition', 'b')
  expect(show).toMatchObject({ code: 0, stderr: '' })
  expect(show.stdout).toMatch(/1 row,[\s\S]*\n *4\n/)
  const run = await readOnly('.millrace', 'run', 'p')
  expect(run.code).toBe(1)
  expect(run.stderr).toMatch(/^error: the disk is read-only: \S+ \(EROFS\)\n {2}hint: choose a folder on a disk that can be written\n$/)
  // A ledger that is not there counts for nothing.
  rmSync(project.path('.millrace/dev/ledger.sqlite'))
  expect((await readOnly('.millrace', 'status', 'p')).stdout).toMatch(/^p \(dev\): 2 done; never run/)
})

test.each([
  [
    'read-only',
    'mount --bind pipelines pipelines; mount -o remount,ro,bind pipelines',
    /^error: p: the disk is read-only: \S+\/schema\.ts \(EROFS\)\n {2}hint: /,
  ],
  [
    'full',
    'cp -r pipelines kept; mount -t tmpfs -o size=8k,nr_inodes=20 none pipelines; cp -r kept/p pipelines/p',
    /^error: p: the disk is full: \S+\/schema\.ts \(ENOSPC\)\n {2}hint: free some space/,
  ],
])('plan on a disk that is %s says so, and leaves schema.ts as it was', async (_, mount, message) => {
  const project = testProject(PROJECT)
  const through = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user']
  const script = `set -e; ${mount}; set +e; "${process.execPath}" "${CHECKOUT}/bin/millrace.js" plan p; code=$?; ls pipelines/p; cat pipelines/p/schema.ts; exit $code`
  const { code, stdout, stderr } = await command('unshare', [...through, 'sh', '-c', script], project.folder, { MILLRACE_LOG: 'off' })
  expect({ code, stdout }).toEqual({ code: 1, stdout: `pipeline.ts\nschema.ts\n${PROJECT['pipelines/p/schema.ts']}` })
  expect(stderr).toMatch(message)
})
