import { extensionsFolder } from '../../lib/config/load.ts'
import { extensionsIn } from '../../lib/engines/extensions.ts'
import { CHECKOUT } from '../kit/project.ts'
import { postgresContract } from './warehouse-postgres.ts'

const folder = extensionsFolder(CHECKOUT)
/** By the COPY stream, and by the extension where set-up has put it in place; `make test-systems` fails without it. */
const roads = extensionsIn(folder).file('postgres_scanner') === undefined ? [undefined] : [undefined, folder]

postgresContract(18, roads)
// Version 15: in tests/systems.
