import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The fault server of gcs-server.ts in a process of its own, for harnesses that kill the client or measure its memory. */
export interface GcsProcess {
  readonly url: string
  stop(): Promise<void>
}

export async function startGcsProcess(args: readonly string[] = []): Promise<GcsProcess> {
  const main = fileURLToPath(new URL('./gcs-server.ts', import.meta.url))
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited])) as [unknown]
  if (typeof url !== 'string') throw new Error(`the server ended with ${String(url)}`)
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}
