import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { PIPELINE, type Scale, type Step, script } from './scenario.ts'

export const CHECKOUT = resolve(import.meta.dirname, '../..')
const SAVED = 'saved'
export const LAUNCHER = join(CHECKOUT, 'bin/millrace.js')

/** A project's folder. */
export interface ProjectFolder {
  readonly folder: string
  /** The profile's state: locks, workspaces, and what of landing, warehouse and export the configuration puts there. */
  readonly state: string
  /** Writes files, paths relative to the project. */
  write(files: Readonly<Record<string, string | null>>): void
  /** Plans a pipeline, and forgets that it was planned here. */
  plan(pipeline: string, env?: Readonly<Record<string, string>>): void
  /** Keeps the state under a name. */
  save(name: string): void
  /** Brings a kept state back, its own or another project's; a name that was never kept is no state at all. */
  restore(name: string, of?: ProjectFolder): void
  remove(): void
}

/** A project that is run, killed and run again. */
export interface TortureProject extends ProjectFolder {
  readonly steps: readonly Step[]
  /** Brings the source to what it is before a step's run. */
  prepare(step: Step): void
}

/** Makes the scenario's project in a fresh folder, planned once. */
export function makeProject(scale: Scale): TortureProject {
  const steps = script(scale)
  const project = makeFolder({ ...PIPELINE, ...steps[0]?.files })
  project.plan('sales')
  return { ...project, steps, prepare: (step) => project.write(step.files) }
}

/** Makes a project of files in a fresh folder. It imports this checkout's lib, as a user's project imports the package. */
export function makeFolder(files: Readonly<Record<string, string | null>>): ProjectFolder {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-torture-')))
  const [state, saved] = [join(folder, '.millrace'), join(folder, SAVED)]
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
  write({ 'package.json': JSON.stringify(manifest), ...files })
  return {
    folder,
    state: join(state, 'dev'),
    write,
    plan: (pipeline, env = {}) => {
      const planned = spawnSync(process.execPath, [LAUNCHER, 'plan', pipeline], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, ...env },
      })
      if (planned.status !== 0) throw new Error(`plan failed: ${planned.stderr}${planned.stdout}`)
      rmSync(state, { recursive: true, force: true })
    },
    save: (name) => {
      rmSync(join(saved, name), { recursive: true, force: true })
      cpSync(state, join(saved, name), { recursive: true, preserveTimestamps: true })
    },
    restore: (name, of) => {
      const from = join(of?.folder ?? folder, SAVED, name)
      rmSync(state, { recursive: true, force: true })
      if (existsSync(from)) cpSync(from, state, { recursive: true, preserveTimestamps: true })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
