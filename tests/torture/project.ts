import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { PIPELINE, type Scale, type Step, script } from './scenario.ts'

const CHECKOUT = resolve(import.meta.dirname, '../..')
export const LAUNCHER = join(CHECKOUT, 'bin/millrace.js')

/** A project that is run, killed and run again. */
export interface TortureProject {
  readonly folder: string
  readonly steps: readonly Step[]
  /** The profile's state: landing, warehouse, export, locks, workspaces. */
  readonly state: string
  /** Writes files, paths relative to the project. */
  write(files: Readonly<Record<string, string | null>>): void
  /** Brings the source to what it is before a step's run. */
  prepare(step: Step): void
  /** Keeps the state under a name. */
  save(name: string): void
  /** Brings a kept state back; a name that was never kept is no state at all. */
  restore(name: string): void
  remove(): void
}

/** Makes the scenario's project in a fresh folder, planned once. It imports this checkout's lib, as a user's project imports the package. */
export function makeProject(scale: Scale): TortureProject {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-torture-')))
  const [state, saved] = [join(folder, '.millrace'), join(folder, 'saved')]
  symlinkSync(join(CHECKOUT, 'lib'), join(folder, 'lib'))
  symlinkSync(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'))
  const write = (all: Readonly<Record<string, string | null>>) => {
    for (const [name, content] of Object.entries(all)) {
      const path = join(folder, name)
      if (content === null) rmSync(path, { force: true })
      else {
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, content)
      }
    }
  }
  const manifest = { name: 'torture', type: 'module', imports: { '#millrace': './lib/index.ts' } }
  write({ 'package.json': JSON.stringify(manifest), ...PIPELINE })
  const steps = script(scale)
  write(steps[0]?.files ?? {})
  const planned = spawnSync(process.execPath, [LAUNCHER, 'plan', 'sales'], { cwd: folder, encoding: 'utf8' })
  if (planned.status !== 0) throw new Error(`plan failed: ${planned.stderr}${planned.stdout}`)
  rmSync(state, { recursive: true, force: true })
  return {
    folder,
    steps,
    state: join(state, 'dev'),
    write,
    prepare: (step) => write(step.files),
    save: (name) => {
      rmSync(join(saved, name), { recursive: true, force: true })
      cpSync(state, join(saved, name), { recursive: true, preserveTimestamps: true })
    },
    restore: (name) => {
      rmSync(state, { recursive: true, force: true })
      if (existsSync(join(saved, name))) cpSync(join(saved, name), state, { recursive: true, preserveTimestamps: true })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
