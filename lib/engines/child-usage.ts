import { readFile } from 'node:fs/promises'

/** A hundredth of a second, in which Linux counts CPU time for whoever asks. */
const TICK_MS = 10

/** CPU time of a process so far, in milliseconds; undefined where there is no /proc, or no such process. */
export async function cpuMs(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  // After the name in parentheses: state is field 3, utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return stat === '' ? undefined : (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Resident bytes of a process as the kernel counts them; undefined where there is no /proc, or no such process. */
export async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined
  // `status` gives kibibytes; `statm` pages, whose size differs from machine to machine.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}
