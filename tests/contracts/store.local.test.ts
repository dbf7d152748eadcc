import { local } from '../../lib/connectors/local/index.ts'
import { temporaryFolder } from '../kit/context.ts'
import { storeContract } from './store.ts'

storeContract('local', async () => {
  const connection = local(`${temporaryFolder()}/store`)
  return { store: connection.openStore(), another: () => connection.openStore() }
})
