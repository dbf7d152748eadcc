import { afterAll, beforeAll } from 'vitest'
import { azure } from '../../lib/connectors/azure/index.ts'
import { Secret } from '../../lib/core/secret.ts'
import { storeContract } from '../contracts/store.ts'
import { type Azurite, startAzurite } from '../kit/azurite.ts'

let server: Azurite
let stores = 0
beforeAll(async () => {
  server = await startAzurite()
  await server.makeContainer('bucket')
})
afterAll(() => server.stop())

storeContract('azurite 3.37.0', async () => {
  const connection = azure({
    account: server.account,
    container: 'bucket',
    prefix: `a prefix/${stores++}`,
    endpoint: server.endpoint,
    key: new Secret('env:AZURE_KEY', () => server.key),
  })
  return { store: connection.openStore(), another: () => connection.openStore() }
})
