import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const launcher = new URL('../bin/millrace.js', import.meta.url).pathname
const { UV_THREADPOOL_SIZE: _size, ...env } = process.env
let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-bin-'))
  mkdirSync(join(home, 'bin'))
  cpSync(launcher, join(home, 'bin/millrace.js'))
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const program = (text: string) => writeFileSync(join(home, 'bin/millrace.ts'), text)
const run = (args: string[] = [], extra: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [join(home, 'bin/millrace.js'), ...args], { env: { ...env, ...extra }, encoding: 'utf8' })

/** Makes the launcher in `home` believe that it runs under Node 20, until it starts itself again under `node`. */
function pretendOldNode(node?: string): string[] {
  writeFileSync(
    join(home, 'old.cjs'),
    `if (!process.env.UNDER_PROJECT_NODE) {
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })
      process.env.UNDER_PROJECT_NODE = '1'
    }`,
  )
  if (node) {
    const folder = join(home, '.node/node_modules', `node-${process.platform}-${process.arch}`)
    mkdirSync(join(folder, 'bin'), { recursive: true })
    symlinkSync(node, join(folder, 'bin/node'))
    writeFileSync(join(folder, 'package.json'), '{ "version": "24.0.0" }')
  }
  return ['--require', join(home, 'old.cjs'), join(home, 'bin/millrace.js')]
}

// /proc is Linux's: elsewhere the pool's size cannot be seen, and the variable is what can be checked.
const countThreads = `
  import { pbkdf2 } from 'node:crypto'
  import { existsSync, readdirSync } from 'node:fs'
  const threads = () => existsSync('/proc/self/task') ? readdirSync('/proc/self/task').length : 0
  const before = threads()
  for (let i = 0; i < 40; i++) pbkdf2('a', 'b', 50_000, 32, 'sha256', () => {})
  setTimeout(() => console.log(threads() ? threads() - before : process.env.UV_THREADPOOL_SIZE), 30)
`

test('millrace.js starts libuv with 16 threads', () => {
  program(countThreads)
  expect(run().stdout).toBe('16\n')
})

test("millrace.js keeps a user's own UV_THREADPOOL_SIZE", () => {
  program(countThreads)
  expect(run([], { UV_THREADPOOL_SIZE: '7' }).stdout).toBe('7\n')
})

test('millrace.js passes arguments and the exit code', () => {
  program('console.log(process.argv.slice(2).join("|")); process.exitCode = 3')
  expect(run(['run', 'a b'])).toMatchObject({ stdout: 'run|a b\n', status: 3 })
})

test('millrace.js runs dist/ where the package is installed', () => {
  mkdirSync(join(home, 'dist/bin'), { recursive: true })
  writeFileSync(join(home, 'dist/bin/millrace.js'), 'console.log("installed")')
  expect(run().stdout).toBe('installed\n')
})

test("millrace.js under an older Node starts the project's Node", () => {
  program('console.log(process.versions.node, process.argv.slice(2).join("|")); process.exitCode = 3')
  const result = spawnSync(process.execPath, [...pretendOldNode(process.execPath), 'a', 'b c'], { env, encoding: 'utf8' })
  expect(result).toMatchObject({ stdout: `${process.versions.node} a|b c\n`, status: 3 })
})

test('millrace.js under an older Node without the project having one says what to do', () => {
  const result = spawnSync(process.execPath, pretendOldNode(), { env, encoding: 'utf8', cwd: dirname(home) })
  expect(result.status).toBe(2)
  expect(result.stderr).toContain('millrace needs Node 24 or later')
  expect(result.stderr).toContain('make setup')
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('millrace.js under an older Node forwards %s and waits', async (signal) => {
  program(
    `process.on('${signal}', () => setTimeout(() => { console.log('stopped'); process.exit(75) }, 50)); setInterval(() => {}, 1000); console.log('up')`,
  )
  expect(await signalled(signal)).toEqual({ output: 'up\nstopped\n', code: 75, signal: null })
})

test('millrace.js under an older Node dies of the signal that killed the child', async () => {
  program("setInterval(() => {}, 1000); console.log('up')")
  expect(await signalled('SIGTERM')).toEqual({ output: 'up\n', code: null, signal: 'SIGTERM' })
})

/** Starts the launcher, sends a signal to it alone once the program is up, and gives how it ended. */
function signalled(signal: NodeJS.Signals) {
  const child = spawn(process.execPath, pretendOldNode(process.execPath), { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (bytes) => {
    if (output === '') child.kill(signal)
    output += bytes
  })
  return new Promise<object>((resolve) => child.on('close', (code, by) => resolve({ output, code, signal: by })))
}
