// Loads one request in a process of its own, to be killed by the contract suite: says "begin" before the load, "done" after it.

import type { LoadRequest, WarehouseConnection } from '../../lib/connectors/warehouse.ts'
import { systemClock } from '../../lib/core/clock.ts'
import { extensionsIn, NO_EXTENSIONS } from '../../lib/engines/extensions.ts'

export interface ChildTask {
  /** Module and export of the connection's function, and its arguments. */
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]
  /** Folder of extensions; absent: none. */
  readonly extensions?: string
  readonly request: LoadRequest
  readonly workspace: string
}

const task: ChildTask = JSON.parse(process.argv[2] ?? '')
const module: Record<string, (...args: readonly unknown[]) => WarehouseConnection> = await import(task.module)
const warehouse = module[task.name]?.(...task.args).openWarehouse({
  extensions: task.extensions === undefined ? NO_EXTENSIONS : extensionsIn(task.extensions),
})
if (!warehouse) throw new Error(`${task.module} has no ${task.name}`)
console.log('begin')
try {
  const receipt = await warehouse.load(task.request, {
    pipeline: 'test',
    run: 'child',
    clock: systemClock,
    signal: new AbortController().signal,
    workspace: task.workspace,
    limits: { memoryBytes: 512 * 2 ** 20, threads: 2, readerMemoryBytes: 2 ** 30, readerTimeoutMs: 60_000 },
    emit: () => {},
  })
  console.log(`done ${JSON.stringify(receipt)}`)
} catch (error) {
  console.log(`failed ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`)
}
