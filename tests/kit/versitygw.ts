import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { S3 } from '@aws-sdk/client-s3'
import { answers, freePort } from '../../fixtures/ports.ts'
import { secret } from '../../lib/config/secret.ts'
import type { S3Options } from '../../lib/connectors/s3/options.ts'

const PROGRAM = '.systems/versitygw-1.8.0/versitygw'
const ACCESS = 'AKIATESTTESTTESTTEST'
const SECRET = 'planted/secret+key'

/** A real server that speaks S3, on a folder of its own: conditional writes, checksums, signatures, parts and versions. scripts/systems.sh puts it in place. */
export interface Versitygw {
  readonly url: string
  /** Its own client, for what a store does not show. */
  readonly client: S3
  /** What a store on `bucket` is opened with: the secret comes from the environment of this process. */
  readonly options: S3Options
  /** Keys of uploads in parts that are neither complete nor given up. */
  openUploads(): Promise<readonly string[]>
  stop(): Promise<void>
}

/** With a certificate, at `https://localhost`. */
export async function startVersitygw(tls?: { readonly cert: string; readonly key: string; readonly ca: string }): Promise<Versitygw> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-s3-'))
  const port = await freePort()
  for (const name of ['root', 'versions']) mkdirSync(join(folder, name))
  const args = [
    '--port',
    `127.0.0.1:${port}`,
    '--access',
    ACCESS,
    '--secret',
    SECRET,
    '--quiet',
    ...(tls ? ['--cert', tls.cert, '--key', tls.key] : []),
  ]
  const child = spawn(resolve(PROGRAM), [...args, 'posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'root')], {
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  await Promise.race([
    untilAnswers(port),
    ended.then(
      () => Promise.reject(new Error('versitygw ended; run: bash scripts/systems.sh')),
      (error: unknown) => Promise.reject(new Error(`${PROGRAM} does not start; run: bash scripts/systems.sh`, { cause: error })),
    ),
  ])
  process.env.MILLRACE_TEST_S3_SECRET = SECRET
  const url = tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  const region = 'us-east-1'
  const credentials = { accessKeyId: ACCESS, secretAccessKey: SECRET }
  const requestHandler = tls ? { httpsAgent: { ca: readFileSync(tls.ca) } } : {}
  const client = new S3({ region, endpoint: url, forcePathStyle: true, credentials, requestHandler })
  await client.createBucket({ Bucket: 'bucket' })
  return {
    url,
    client,
    options: { bucket: 'bucket', region, endpoint: url, accessKeyId: ACCESS, secretAccessKey: secret('env:MILLRACE_TEST_S3_SECRET') },
    openUploads: async () => ((await client.listMultipartUploads({ Bucket: 'bucket' })).Uploads ?? []).map(({ Key }) => String(Key)),
    stop: async () => {
      client.destroy()
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function untilAnswers(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await answers(port)) return
    await new Promise((later) => setTimeout(later, 50))
  }
  throw new Error(`nobody listens on port ${port}`)
}
