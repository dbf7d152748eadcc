import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../../lib/cli/main.ts'
import { CHECKOUT, command, type TestProject } from './project.ts'

/** What a person sees of a command line, the project's folder written as `<project>`. */
export interface Seen {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The error alone: the `failed …` blocks of the summary, else what standard error says. */
  readonly error: string
}

/** The code of each project that this process has imported. */
const imported = new Map<string, string>()

/**
 * Runs a command line without a log: in this process, with real streams replaced by texts; or, where the project's code is not what this process has imported of it, in a process of its own, since Node imports a
 * file once.
 */
export async function millrace(project: TestProject, ...argv: readonly string[]): Promise<Seen> {
  const code = codeOf(project)
  const known = imported.get(project.folder) ?? code
  imported.set(project.folder, known)
  return code === known ? here(project, argv) : elsewhere(project, argv)
}

async function here(project: TestProject, argv: readonly string[]): Promise<Seen> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await main([...argv, '--project', project.folder], {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    environment: { MILLRACE_LOG: 'off' },
    folder: project.folder,
    signals: {
      on: () => {},
      removeListener: () => {},
      exit: () => {
        throw new Error('exit')
      },
    },
  })
  return seenOf(project, code, out.join(''), err.join(''))
}

async function elsewhere(project: TestProject, argv: readonly string[]): Promise<Seen> {
  const launcher = join(CHECKOUT, 'bin/millrace.js')
  const { code, stdout, stderr } = await command(process.execPath, [launcher, ...argv], project.folder, { MILLRACE_LOG: 'off' })
  return seenOf(project, code, stdout, stderr)
}

/** A hash of all files that a command may import of a project. */
function codeOf(project: TestProject): string {
  const hash = createHash('sha256')
  const files = globSync(['millrace.config.*', 'pipelines/**/*.{ts,js}', 'experiments/**/*.{ts,js}'], { cwd: project.folder }).sort()
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(project.path(file)))
      .update('\0')
  return hash.digest('hex')
}

/** The same of a process that has ended. */
export function seenOf(project: TestProject, code: number | null, stdout: string, stderr: string): Seen {
  const shown = (text: string) => text.replaceAll(project.folder, '<project>').trim()
  const failed = shown(stdout)
    .split('\n\n')
    .filter((block) => block.startsWith('failed '))
  return { code: code ?? -1, stdout: shown(stdout), stderr: shown(stderr), error: failed.join('\n') || shown(stderr) }
}
