import { expect, test } from 'vitest'
import { CheckError, GateError, TransientError } from '../../lib/core/errors.ts'
import { errorReport } from '../../lib/observe/error-report.ts'
import { failureCode } from '../../lib/pipeline/run/end-run.ts'

const failed = (...errors: readonly Error[]) => errors.map((error) => ({ error: errorReport(error) }))
const held = new GateError('held')
const refused = new CheckError('refused')

test.each([
  ['the first failure ends a run', failed(new TransientError('gone'), held), false, 75],
  ['a gate ends a run', failed(held), false, 3],
  ['a run that goes on, held up by gates alone', failed(held, held), true, 3],
  ['a run that goes on, with something worse', failed(held, refused), true, 1],
  ['a run that goes on, with a failed check', failed(refused), true, 1],
])('failureCode of %s', (_, errors, keepGoing, code) => {
  expect(failureCode(errors, keepGoing)).toBe(code)
})
