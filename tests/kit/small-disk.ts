import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { expect } from 'vitest'
import { type Seen, seenOf } from './millrace.ts'
import { CHECKOUT, command, type TestProject } from './project.ts'

/** A disk of its own at a folder of the dev profile; `size` as tmpfs has it, `512k`. */
export interface SmallDisk {
  readonly folder: string
  readonly size: string
}

/** Runs a command twice with a small disk, which is made larger in between. What it left there is in `out/left`; what is on the disk in the end stays. */
export async function onSmallDisk(
  project: TestProject,
  { folder, size }: SmallDisk,
  ...argv: readonly string[]
): Promise<{ readonly full: Seen; readonly roomy: Seen }> {
  const script = `
set -e
run() { at=$1; shift; set +e; "$NODE" "$MILLRACE" "$@" >"$OUT/$at.out" 2>"$OUT/$at.err"; echo $? >"$OUT/$at.code"; set -e; }
mount -t tmpfs -o "size=$SIZE" none "$FOLDER"
run full "$@"
cp -a "$FOLDER" "$OUT/left"
mount -o remount,size=256m "$FOLDER"
run roomy "$@"
cp -a "$FOLDER" "$OUT/after"`
  const [at, out] = [project.path('.millrace/dev', folder), project.path('out')]
  mkdirSync(at, { recursive: true })
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  const through = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user']
  const env = { NODE: process.execPath, MILLRACE: `${CHECKOUT}/bin/millrace.js`, MILLRACE_LOG: 'off', OUT: out, SIZE: size, FOLDER: at }
  const { code, stderr } = await command('unshare', [...through, 'sh', '-c', script, 'sh', ...argv], project.folder, env)
  expect(code, stderr).toBe(0)
  const read = (name: string) => readFileSync(project.path('out', name), 'utf8')
  const seen = (name: string) => seenOf(project, Number(read(`${name}.code`)), read(`${name}.out`), read(`${name}.err`))
  rmSync(at, { recursive: true })
  cpSync(project.path('out/after'), at, { recursive: true, preserveTimestamps: true })
  return { full: seen('full'), roomy: seen('roomy') }
}
