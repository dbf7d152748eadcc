import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { duckdb } from '../../../lib/connectors/duckdb/index.ts'
import type { Disposition, LoadRequest } from '../../../lib/connectors/warehouse.ts'
import type { Columns, Dataset } from '../../../lib/core/dataset.ts'
import type { MillraceError } from '../../../lib/core/errors.ts'
import { NO_EXTENSIONS } from '../../../lib/engines/extensions.ts'
import type { ChildTask } from '../../contracts/warehouse-child.ts'
import { temporaryFolder } from '../../kit/context.ts'
import { datasetOf } from '../../kit/dataset.ts'

export const COLUMNS: Columns = { id: 'int64', value: 'text' }

/** A load of a dataset into the table `numbers`. */
export function requestOf(dataset: Dataset, options: Partial<LoadRequest> = {}): LoadRequest {
  const { table = 'numbers', disposition = { mode: 'replace' } as Disposition, expected } = options
  return {
    dataset,
    table,
    disposition,
    expected,
    token: { pipeline: 'test', table, partition: '', inputKey: 'k1', loads: {} },
    load: '000001',
    ...options,
  }
}

/** A warehouse file that is not there yet, and a dataset to load into it. */
export async function setup(select = "SELECT range AS id, 'a' AS value FROM range(3)") {
  const folder = temporaryFolder()
  const file = join(folder, 'state', 'warehouse.duckdb')
  const dataset = await datasetOf(folder, 'numbers', COLUMNS, select)
  return { folder, file, dataset, warehouse: duckdb(file).openWarehouse({ extensions: NO_EXTENSIONS }), request: requestOf(dataset) }
}

/** What work fails with. */
export const thrownBy = (work: Promise<unknown>): Promise<MillraceError> =>
  work.then(
    () => {
      throw new Error('nothing was thrown')
    },
    (error: MillraceError) => error,
  )

/** Another process that has the file open. */
export async function holder(file: string, mode: 'read' | 'write'): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./holder.ts', import.meta.url))
  const child = spawn(process.execPath, [script, file, mode], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout ?? child, 'data')
  return child
}

/** For processes that import it. */
export const CONNECTOR = fileURLToPath(new URL('../../../lib/connectors/duckdb/index.ts', import.meta.url))

/** Loads in a process of its own that may write no file longer than `fileKiB`; what it says. Node ignores SIGXFSZ, so a write beyond fails with EFBIG. */
export async function runChild(task: ChildTask, fileKiB?: number): Promise<string> {
  const script = fileURLToPath(new URL('../../contracts/warehouse-child.ts', import.meta.url))
  const node = [process.execPath, script, JSON.stringify(task)]
  const [command = '', ...args] = fileKiB === undefined ? node : ['bash', '-c', `ulimit -f ${fileKiB}; exec "$@"`, 'bash', ...node]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
  })
  await once(child, 'close')
  return output
}
