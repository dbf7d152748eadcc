import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { secret } from '../../lib/config/secret.ts'
import { azure } from '../../lib/connectors/azure/index.ts'
import { storeContract } from '../contracts/store.ts'

// On a real container, for whoever has one: MILLRACE_TEST_AZURE_CONTAINER names it as account/container. Credentials are the default ones of Azure, or AZURE_STORAGE_KEY where that is set.
// Every test writes under a prefix of its own, and removes what it has left there.
const [account, container] = process.env.MILLRACE_TEST_AZURE_CONTAINER?.split('/') ?? []
if (!account || !container)
  throw new Error('MILLRACE_TEST_AZURE_CONTAINER is not set; expected account/container, of a container that you may write to')

storeContract(`azure, container ${account}/${container}`, async () => {
  const key = process.env.AZURE_STORAGE_KEY ? { key: secret('env:AZURE_STORAGE_KEY') } : {}
  const connection = azure({ account, container, prefix: `millrace-test/${randomUUID()}`, ...key })
  onTestFinished(async () => {
    const store = connection.openStore()
    for await (const key of store.list('')) await store.delete(key)
  })
  return { store: connection.openStore(), another: () => connection.openStore() }
})
