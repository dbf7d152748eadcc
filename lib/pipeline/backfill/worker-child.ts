// A backfill worker's main file, started by worker.ts over an IPC channel. What ends it stands here, before what it does is imported: its parent may die meanwhile.

import { writeFileSync } from 'node:fs'

// Where the kernel must end somebody for want of memory, it is a worker, which is tried again, and not its parent.
try {
  writeFileSync('/proc/self/oom_score_adj', '500')
} catch {
  // Another system, or one that does not allow it.
}

// SIGKILL, since a statement in flight would hold a clean exit back. Its locks go with it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A terminal, or a machine that stops, sends these to everybody: what they mean for a worker its parent says.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

await import('./serve.ts')
