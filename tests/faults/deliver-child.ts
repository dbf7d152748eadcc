import { local } from '../../lib/connectors/local/index.ts'
import { systemClock } from '../../lib/core/clock.ts'
import { MillraceError, messageOf } from '../../lib/core/errors.ts'
import { deliver } from '../../lib/export/deliver.ts'
import { requestOfNames } from '../export/names.ts'

// Delivers a dataset of names, given as JSON, from a process with limits of its own; prints what came of it as JSON.
const [dataset = '', folder = '', workspace = ''] = process.argv.slice(2)
const store = local(folder).openStore()
try {
  const receipt = await deliver(requestOfNames(JSON.parse(dataset)), store, {
    pipeline: 'p',
    run: 'child',
    clock: systemClock,
    signal: new AbortController().signal,
    workspace,
    limits: { memoryBytes: 2 ** 28, threads: 2, readerMemoryBytes: 0, readerTimeoutMs: 0 },
    emit: () => {},
  })
  console.log(JSON.stringify(receipt))
} catch (error) {
  console.log(
    JSON.stringify({
      name: error instanceof MillraceError && error.name,
      message: messageOf(error),
      hint: error instanceof MillraceError && error.hint,
    }),
  )
} finally {
  await store.close()
}
