import { readFile } from 'node:fs/promises'

/** Resident bytes of a process as the kernel counts them; undefined where there is no /proc, or no such process. */
export async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined
  // `status` gives kibibytes; `statm` pages, whose size differs from machine to machine.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}
