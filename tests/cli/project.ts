import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../../', import.meta.url).pathname

/** A fresh project folder that imports this checkout's lib/ as `#millrace`, with these files in it; removed after the test. */
export function projectFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder()
  symlinkSync(join(root, 'lib'), join(folder, 'lib'))
  const all = { 'package.json': '{ "type": "module", "imports": { "#millrace": "./lib/index.ts" } }', ...files }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs bin/millrace.js as its own process; `meet` gets the process while it runs. */
export function millrace(
  folder: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  meet?: (child: ChildProcess) => void,
): Promise<Ended> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...env } = process.env
  const child = spawn(process.execPath, [join(root, 'bin/millrace.js'), ...args], { cwd: folder, env: { ...env, ...environment } })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  meet?.(child)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...output })))
}
