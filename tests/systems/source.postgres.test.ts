import { expect, test } from 'vitest'
import { ROADS } from '../connectors/postgres/kit.ts'

// Where set-up could not put the extension in place, the suites below run by COPY streams alone: here that is a failure.
test('the tests of the source run by the extension, too', () => {
  expect(ROADS).toEqual(['copy', 'extension'])
})

await import('../contracts/source.postgres.test.ts')
