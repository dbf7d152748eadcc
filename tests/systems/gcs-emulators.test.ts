import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../fixtures/ports.ts'
import { gcs } from '../../lib/connectors/gcs/index.ts'
import type { Store } from '../../lib/connectors/store.ts'
import { CHUNK, LONG, read } from '../connectors/gcs/kit.ts'
import { storeContract, type Unmet } from '../contracts/store.ts'
import { tcpProxy } from '../kit/tcp-proxy.ts'

// scripts/systems.sh puts both in place. What neither honours is tested on the fault server (tests/connectors/gcs).

interface Emulator {
  readonly name: string
  readonly command: (port: number) => readonly string[]
  readonly ready: string
  readonly unmet: Unmet
  /** Whether a copy takes a description of its own. */
  readonly describesCopies: boolean
  /** Whether it tells what an upload session has, by a status query. */
  readonly resumes: boolean
}

const EMULATORS: readonly Emulator[] = [
  {
    name: 'fake-gcs-server 1.56.1',
    command: (port) => [
      resolve('.systems/fake-gcs-server-1.56.1/fake-gcs-server'),
      ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'],
      ...['-external-url', `http://127.0.0.1:${port}`, '-public-host', `127.0.0.1:${port}`],
    ],
    ready: '/_internal/healthcheck',
    // Preconditions of rewrite.
    unmet: { failing: ['copy copies content and metadata, under the same preconditions as put'], leftOut: [] },
    describesCopies: true,
    resumes: false,
  },
  {
    name: 'gcp-storage-emulator 2026.7.19',
    command: (port) => [
      'python3',
      '-m',
      'gcp_storage_emulator',
      'start',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--in-memory',
      '-q',
    ],
    ready: '/',
    unmet: {
      // Any precondition; names beyond the basic plane, at which it drops the connection.
      failing: [
        'ifVersion replaces only that version',
        'copy copies content and metadata, under the same preconditions as put',
        'keys are any text',
      ],
      // Preconditions again, and the generation that a read asks for: a race shows it, or not.
      leftOut: [
        'of many puts at once with ifAbsent one wins',
        'compare-and-set by many writers loses no increment',
        'a reader sees the old object or the whole new one',
      ],
    },
    describesCopies: false,
    resumes: true,
  },
]

describe.each(EMULATORS)('$name', ({ name, command, ready, unmet, describesCopies, resumes }) => {
  let child: ChildProcess
  let url: string
  let stores = 0
  const connectionTo = (apiEndpoint: string, chunkSize?: number) =>
    gcs({ bucket: 'bucket', prefix: `test/${stores++}`, apiEndpoint, retries: 2, timeoutMs: 20_000, ...(chunkSize && { chunkSize }) })

  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    const [program = '', ...args] = command(port)
    const env = { ...process.env, PYTHONPATH: resolve('.systems/gcp-storage-emulator-2026.7.19') }
    child = spawn(program, args, { stdio: 'ignore', env })
    await Promise.race([
      answers(`${url}${ready}`),
      once(child, 'exit').then(() => Promise.reject(new Error(`${name} ended; run: bash scripts/systems.sh`))),
    ])
    const made = await fetch(`${url}/storage/v1/b?project=test`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'bucket' }),
    })
    expect(made.status).toBe(200)
  })
  afterAll(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  storeContract(
    name,
    async () => {
      const connection = connectionTo(url)
      return { store: connection.openStore(), another: () => connection.openStore() }
    },
    unmet,
  )

  test('a stream in pieces arrives whole, through a temporary and a copy', async () => {
    const store = connectionTo(url, CHUNK).openStore()
    await store.put('k', { stream: Readable.from([LONG]) }, { metadata: { a: '1' } })
    expect(await read(store, 'k')).toEqual(LONG)
    if (describesCopies) expect((await store.head('k'))?.metadata).toEqual({ a: '1' })
    expect(await keysOf(store)).toEqual(['k'])
  })

  test('bytes that were damaged on the way are refused by the server', async () => {
    await using proxy = await tcpProxy(url)
    const store = connectionTo(proxy.url, CHUNK).openStore()
    proxy.replaceOnce(Buffer.from('one,two'), Buffer.from('one,twa'))
    await expect(store.put('k', { bytes: 'one,two\n' }, { ifAbsent: true })).rejects.toThrow(/400/)
    expect(await store.head('k')).toBeUndefined()
  })

  if (resumes)
    test('an upload goes on after its connection was cut at byte 200,000', async () => {
      await using proxy = await tcpProxy(url)
      const store = connectionTo(proxy.url, CHUNK).openStore()
      proxy.cutOnceAfter(200_000)
      await store.put('k', { stream: Readable.from([LONG]) })
      expect(proxy.cuts).toBe(1)
      expect(await read(store, 'k')).toEqual(LONG)
    })
})

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list('')) keys.push(key)
  return keys
}

async function answers(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await fetch(url)
      return
    } catch (error) {
      if (tries === 300) throw error
      await new Promise((later) => setTimeout(later, 100))
    }
  }
}
