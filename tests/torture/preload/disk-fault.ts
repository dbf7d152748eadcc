import { appendFileSync, writeFileSync } from 'node:fs'
import { wrapDisk } from '../../kit/failing-disk.ts'

// Imported by Node before millrace: TORTURE_DISK says which operation of `disk` meets which fault, and what is noted in which file.
//   count:<file>      nothing happens; the file gets every operation, one a line
//   match:<file>      the process kills itself when it begins the first operation like TORTURE_MATCH, a regular expression
//   kill:<n>:<file>   the process kills itself when it begins operation n (1 is the first); the file gets that operation
//   eio:<n>:<file>    operation n fails with EIO, the others do not; the file gets it too
const [mode, ...rest] = (process.env.TORTURE_DISK ?? '').split(':')
const nth = mode === 'count' || mode === 'match' ? 0 : Number(rest.shift())
const match = new RegExp(process.env.TORTURE_MATCH ?? '')
const file = rest.join(':')
let count = 0
writeFileSync(file, '')

wrapDisk(async (name, paths, work) => {
  count++
  const operation = `${name} ${paths.join(' → ')}`
  const matches = mode === 'match' && match.test(operation)
  if (mode === 'count' || matches || count === nth) appendFileSync(file, `${operation}\n`)
  if (matches || (count === nth && mode === 'kill')) process.kill(process.pid, 'SIGKILL')
  if (count === nth && mode === 'eio')
    throw Object.assign(new Error(`EIO: i/o error, ${name} '${paths[0]}'`), { code: 'EIO', errno: -5, syscall: name, path: paths[0] })
  return work()
})
