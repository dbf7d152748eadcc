import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf } from '../docs/blocks.ts'
import { temporaryFolder } from '../kit/context.ts'
import { CHECKOUT, command } from '../kit/project.ts'

const systems = join(CHECKOUT, '.systems')

/** The examples of docs/scheduling.md that have a file's name, in a folder of their own; `replaced`: what is otherwise on this machine. */
function examples(replaced: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder()
  for (const { info, text } of blocksOf(readFileSync(join(CHECKOUT, 'docs/scheduling.md'), 'utf8'))) {
    if (info === '') continue
    mkdirSync(dirname(join(folder, info)), { recursive: true })
    const here = Object.entries(replaced).reduce((all, [from, to]) => all.replaceAll(from, to), text)
    writeFileSync(join(folder, info), here)
  }
  return folder
}

test('systemd takes the service and the timer without a word', async () => {
  const folder = examples({ '/usr/bin/node': process.execPath })
  const verify = () => command('systemd-analyze', ['verify', 'systemd/millrace.service', 'systemd/millrace.timer'], folder)
  expect(await verify()).toEqual({ code: 0, stdout: '', stderr: '' })
  // It does say what it does not know.
  writeFileSync(join(folder, 'systemd/millrace.timer'), '[Timer]\nOnCalendar=*:0/5\nNever=1\n')
  expect((await verify()).stderr).toMatch(/Unknown key (name )?'Never'/)
})

test('actionlint finds nothing in the workflow', async () => {
  const folder = examples()
  const lint = () => command(join(systems, 'actionlint-1.7.12/actionlint'), ['.github/workflows/millrace.yml'], folder)
  expect(await lint()).toEqual({ code: 0, stdout: '', stderr: '' })
  const workflow = join(folder, '.github/workflows/millrace.yml')
  writeFileSync(workflow, readFileSync(workflow, 'utf8').replace('*/15 * * * *', '*/15 25 * * *'))
  expect((await lint()).stdout).toContain('invalid CRON format')
})

const PROBE = `
import runpy, sys
from airflow.sdk.exceptions import AirflowException, AirflowFailException
dag = runpy.run_path(sys.argv[1])["millrace"]()
[task] = dag.tasks
print(dag.dag_id, dag.schedule, dag.catchup, dag.max_active_runs, task.retries)
try:
    task.python_callable()
    print("done")
except AirflowFailException as error:
    print("failed:", error)
except AirflowException as error:
    print("again:", error)
`

test.each([
  [0, 'done'],
  [75, 'again: something may go through later'],
  [3, 'failed: millrace ended with 3'],
])('Airflow runs the DAG, whose task of a millrace that ends with %i is %s', { timeout: 120_000 }, async (code, outcome) => {
  const shop = temporaryFolder()
  mkdirSync(join(shop, 'node_modules/.bin'), { recursive: true })
  const script = join(shop, 'node_modules/.bin/millrace')
  writeFileSync(script, `#!/bin/sh\n[ "$*" = 'run --due --profile prod' ] || exit 9\nexit ${code}\n`)
  chmodSync(script, 0o755)
  const folder = examples({ '/srv/shop': shop })
  writeFileSync(join(folder, 'probe.py'), PROBE)
  const environment = { PYTHONPATH: join(systems, 'airflow-3.3.2'), AIRFLOW_HOME: join(folder, 'home') }
  const { stdout, stderr } = await command('python3', ['probe.py', 'dags/millrace.py'], folder, environment)
  expect(stdout.trim().split('\n').slice(-2), stderr).toEqual(['millrace */5 * * * * False 1 5', outcome])
})
