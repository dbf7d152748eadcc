import { afterAll, beforeAll } from 'vitest'
import { gcs } from '../../lib/connectors/gcs/index.ts'
import { type GcsProcess, startGcsProcess } from '../kit/gcs-process.ts'
import { storeContract } from './store.ts'

// A process of its own: the suite measures the memory of this one.
let server: GcsProcess
let stores = 0
beforeAll(async () => {
  server = await startGcsProcess()
})
afterAll(() => server.stop())

storeContract('gcs', async () => {
  const connection = gcs({ bucket: 'bucket', prefix: `a prefix/${stores++}`, apiEndpoint: server.url })
  return { store: connection.openStore(), another: () => connection.openStore() }
})
