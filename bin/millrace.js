#!/usr/bin/env node
// The launcher: plain JavaScript that any Node >= 18 can run. It finds a Node >= 24 and starts millrace in it.
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED = 24
const self = fileURLToPath(import.meta.url)
const root = dirname(dirname(self))

const major = (version) => Number.parseInt(version, 10)

if (major(process.versions.node) >= NEEDED) await startHere()
else await startUnder(projectNode())

/**
 * Runs millrace in this process. libuv reads UV_THREADPOOL_SIZE when its pool first gets work, and nothing has given it any yet, so that
 * setting it here takes effect (tests/bin.test.ts counts the threads): so no promise-based fs call may stand above these lines.
 */
async function startHere() {
  process.env.UV_THREADPOOL_SIZE ||= '16'
  const modules = [join(root, 'node_modules'), dirname(root)].find((path) => basename(path) === 'node_modules' && existsSync(path))
  // Also for the processes below this one: half of what it costs to start one.
  if (modules) process.env.NODE_COMPILE_CACHE ||= join(modules, '.cache', 'millrace')
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
  const checkout = join(root, 'bin', 'millrace.ts')
  await import(pathToFileURL(existsSync(checkout) ? checkout : join(root, 'dist', 'bin', 'millrace.js')).href)
}

/** The project-local Node that `make setup` installs, looked for upwards from this file and from the working folder. */
function projectNode() {
  for (const start of [root, process.cwd()]) {
    for (let folder = start; ; folder = dirname(folder)) {
      const home = join(folder, '.node', 'node_modules', `node-${process.platform}-${process.arch}`)
      const node = join(home, 'bin', 'node')
      if (existsSync(node) && major(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version) >= NEEDED) return node
      if (folder === dirname(folder)) break
    }
  }
  return undefined
}

/** Runs this launcher again under another Node, as if it were this process: same streams, signals and exit status. */
async function startUnder(node) {
  if (!node) {
    console.error(
      `millrace needs Node ${NEEDED} or later, and this is ${process.version}. In a checkout, run \`make setup\`, which puts one into .node; elsewhere:
  npm install --prefix .node --no-save --ignore-scripts node-${process.platform}-${process.arch}@${NEEDED}`,
    )
    process.exit(2)
  }
  const { spawn } = await import('node:child_process')
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child as well, and millrace takes a second SIGINT as "stop at once".
      if (signal !== 'SIGINT' || !hasTerminal()) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    console.error(`millrace cannot start ${node}: ${error.message}`)
    process.exit(2)
  })
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** Whether one of the standard streams is a terminal, whose keys signal the whole process group. */
function hasTerminal() {
  return Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY)
}
