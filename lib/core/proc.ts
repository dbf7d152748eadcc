import { readFileSync } from 'node:fs'

/** A file of /proc; '' where there is none: on another system, or since the process has ended. */
export function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** A field of /proc/<pid>/stat, as proc(5) numbers them, from 3 on: after the name in parentheses. undefined where there is no such process. */
export function statField(pid: number | string, field: number): number | undefined {
  const stat = readProc(`/proc/${pid}/stat`)
  return stat === '' ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field - 3])
}

/** Kilobytes that /proc/<pid>/status has under a name; 0 where it has none. */
export function kilobytes(status: string, field: 'VmRSS' | 'VmHWM' | 'RssAnon' | 'RssShmem'): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
}

/** Resident bytes of a process; 0 where that is not known. */
export function residentBytes(pid: number): number {
  return kilobytes(readProc(`/proc/${pid}/status`), 'VmRSS') * 1024
}

/** A hundredth of a second, in which Linux counts CPU time for whoever asks. */
const TICK_MS = 10

/** CPU time of a process so far, in milliseconds; undefined where that is not known. */
export function cpuMs(pid: number): number | undefined {
  const [user, system] = [statField(pid, 14), statField(pid, 15)]
  return user === undefined || system === undefined ? undefined : (user + system) * TICK_MS
}
