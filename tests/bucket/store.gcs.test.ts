import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { gcs } from '../../lib/connectors/gcs/index.ts'
import { storeContract } from '../contracts/store.ts'

// On a real bucket, for whoever has one: MILLRACE_TEST_BUCKET names it, MILLRACE_TEST_KEY_FILE a file of credentials where the default ones will not do.
// Every test writes under a prefix of its own, and removes what it has left there.
const bucket = process.env.MILLRACE_TEST_BUCKET
const keyFile = process.env.MILLRACE_TEST_KEY_FILE
if (!bucket) throw new Error('MILLRACE_TEST_BUCKET is not set; expected the name of a bucket of Cloud Storage that you may write to')

storeContract(`gcs, bucket ${bucket}`, async () => {
  const connection = gcs({ bucket, prefix: `millrace-test/${randomUUID()}`, ...(keyFile && { keyFile }) })
  onTestFinished(async () => {
    const store = connection.openStore()
    for await (const key of store.list('')) await store.delete(key)
  })
  return { store: connection.openStore(), another: () => connection.openStore() }
})
