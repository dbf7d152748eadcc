import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { CHECKOUT, type TestProject } from './project.ts'

/** Runs a command line in a process of its own, killed when it has written so many lines of its log; gives whether it was. */
export function killedAtLine(project: TestProject, argv: readonly string[], line: number): Promise<boolean> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), ...argv], {
      cwd: project.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let lines = 0
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      lines += text.split('\n').length - 1
      if (lines >= line) child.kill('SIGKILL')
    })
    child.on('error', failed)
    child.on('close', (_, signal) => done(signal === 'SIGKILL'))
  })
}
