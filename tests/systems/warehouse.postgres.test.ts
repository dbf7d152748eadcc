import { expect, test } from 'vitest'
import { extensionsFolder } from '../../lib/config/load.ts'
import { extensionsIn } from '../../lib/engines/extensions.ts'
import { postgresContract } from '../contracts/warehouse-postgres.ts'
import { CHECKOUT } from '../kit/project.ts'

const folder = extensionsFolder(CHECKOUT)

test('set-up has put postgres_scanner in place: make setup says why not', () => {
  expect(extensionsIn(folder).file('postgres_scanner')).toBeDefined()
})

// Version 18: in tests/contracts.
postgresContract(15, [undefined, folder])
