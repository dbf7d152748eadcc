import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { openDuckDB } from '../../lib/engines/duckdb.ts'

export const CHECKOUT = resolve(import.meta.dirname, '../..')

/** What a command left behind. */
export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A project in a folder of its own that imports this checkout's lib as `#millrace`, as a user's project imports the package. */
export interface TestProject {
  readonly folder: string
  /** Writes files, paths relative to the project. */
  write(files: Readonly<Record<string, string | Uint8Array>>): void
  /** Runs the command as a user does, in a process of its own. */
  millrace(...args: readonly string[]): Promise<CommandResult>
  /** The rows of a query over the dev warehouse, each value as text, ordered as the query says. */
  warehouse(sql: string): Promise<readonly (readonly (string | null)[])[]>
  path(...parts: readonly string[]): string
  /** Keeps all that was made and the source's files, `.millrace/` and `data/`, under a name. */
  save(name: string): void
  /** Brings back what was kept, as it was with its times; anything else of the two folders goes. */
  restore(name: string): void
  remove(): void
}

/** The configuration of most tests: files under data/, everything else under .millrace/dev. */
export const FILES_CONFIG = `import { config, duckdb, files, local } from '#millrace'
export default config({ profiles: { dev: {
  connections: { data: files('data') },
  warehouse: duckdb('.millrace/dev/warehouse.duckdb'),
  landing: local('.millrace/dev/landing'),
  store: local('.millrace/dev/export'),
  limits: { memory: '512MB', threads: 2 },
  get now() { return process.env.TEST_NOW ?? '2024-01-10T00:00:00Z' },
} } })
`

/** Makes a project from files; \`millrace.config.ts\` is FILES_CONFIG unless given. */
export function testProject(files: Readonly<Record<string, string | Uint8Array>>): TestProject {
  const project = makeProject(files)
  onTestFinished(project.remove)
  return project
}

/** The same for whoever removes it himself: a suite, a script. */
export function makeProject(files: Readonly<Record<string, string | Uint8Array>>): TestProject {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-project-'))
  symlinkSync(join(CHECKOUT, 'lib'), join(folder, 'lib'))
  symlinkSync(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'))
  const write = (all: Readonly<Record<string, string | Uint8Array>>) => {
    for (const [name, content] of Object.entries(all)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
  }
  write({
    'package.json': JSON.stringify({ name: 'test-project', type: 'module', imports: { '#millrace': './lib/index.ts' } }),
    'millrace.config.ts': FILES_CONFIG,
    ...files,
  })
  return {
    folder,
    write,
    path: (...parts) => join(folder, ...parts),
    save: (name) => {
      for (const kept of KEPT) copyFolder(join(folder, kept), join(folder, 'kept', name, kept))
    },
    restore: (name) => {
      for (const kept of KEPT) copyFolder(join(folder, 'kept', name, kept), join(folder, kept))
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
    millrace: (...args) => command(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), ...args], folder),
    warehouse: async (sql) => {
      const db = await openDuckDB({
        file: join(folder, '.millrace/dev/warehouse.duckdb'),
        readOnly: true,
        memoryBytes: 2 ** 28,
        threads: 1,
        temp: join(folder, 'tmp'),
      })
      try {
        return (await db.meta(sql)).map((row) => Object.values(row))
      } finally {
        db.close()
      }
    },
  }
}

const KEPT = ['.millrace', 'data']

/** Makes a folder what another one is; none, where there is none. */
function copyFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  if (existsSync(from)) cpSync(from, to, { recursive: true, preserveTimestamps: true })
}

/** Runs a program to its end. */
export function command(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', failed)
    child.on('close', (code) => done({ code, stdout, stderr }))
  })
}
