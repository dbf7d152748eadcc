import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { s3 } from '../../lib/connectors/s3/index.ts'
import { storeContract } from '../contracts/store.ts'

// On a real bucket, for whoever has one: MILLRACE_TEST_S3_BUCKET names it, AWS_REGION its region, MILLRACE_TEST_S3_ENDPOINT a server that is not Amazon's. Credentials are those that the AWS SDK finds.
// Every test writes under a prefix of its own, and removes what it has left there.
const bucket = process.env.MILLRACE_TEST_S3_BUCKET
const region = process.env.AWS_REGION
const endpoint = process.env.MILLRACE_TEST_S3_ENDPOINT
if (!bucket || !region)
  throw new Error(
    'MILLRACE_TEST_S3_BUCKET or AWS_REGION is not set; expected the name of a bucket of S3 that you may write to, and its region',
  )

storeContract(`s3, bucket ${bucket}`, async () => {
  const connection = s3({ bucket, region, prefix: `millrace-test/${randomUUID()}`, ...(endpoint && { endpoint }) })
  onTestFinished(async () => {
    const store = connection.openStore()
    for await (const key of store.list('')) await store.delete(key)
    await store.close()
  })
  return { store: connection.openStore(), another: () => connection.openStore() }
})
