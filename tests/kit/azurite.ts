import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ContainerClient, newPipeline, StorageSharedKeyCredential } from '@azure/storage-blob'

/** Microsoft's emulator of Azure Storage, which scripts/systems.sh puts in place, with the account that all its installations have. */
export interface Azurite {
  /** Of its blobs, with the account as its path. */
  readonly endpoint: string
  readonly account: string
  readonly key: string
  makeContainer(name: string): Promise<void>
  stop(): Promise<void>
}

const ACCOUNT = 'devstoreaccount1'
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
const MAIN = '.systems/azurite-3.37.0/node_modules/azurite/dist/src/blob/main.js'

/** A certificate, as tests/kit/tls has them. */
interface Certificate {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** A process of its own, on a free port, with an empty folder. With a certificate it also takes access tokens, of which it compares the claims and no signature. */
export async function startAzurite(tls?: Certificate): Promise<Azurite> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-azurite-'))
  const own = ['--blobPort', '0', '--location', folder, '--skipApiVersionCheck', '--disableTelemetry', '--silent']
  const secured = tls ? ['--cert', tls.cert, '--key', tls.key, '--oauth', 'basic'] : []
  const child = spawn(process.execPath, [resolve(MAIN), ...own, ...secured], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('azurite ended; run: bash scripts/systems.sh')))
  ended.catch(() => undefined)
  const listening = async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = /successfully listens on (\S+)/.exec(line) ?? []
      if (url) return url.replace('127.0.0.1', tls ? 'localhost' : '127.0.0.1')
    }
    return ended
  }
  const endpoint = `${await listening()}/${ACCOUNT}`
  // The SDK passes it on, and does not say so in its types.
  const options = { retryOptions: { maxTries: 1 }, ...(tls && { tlsOptions: { ca: readFileSync(tls.ca, 'utf8') } }) }
  const pipeline = newPipeline(new StorageSharedKeyCredential(ACCOUNT, KEY), options)
  return {
    endpoint,
    account: ACCOUNT,
    key: KEY,
    makeContainer: async (name) => {
      await new ContainerClient(`${endpoint}/${name}`, pipeline).create()
    },
    stop: async () => {
      if (child.exitCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
