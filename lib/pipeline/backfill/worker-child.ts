// A backfill worker's main file, started by worker.ts over an IPC channel. What ends it stands here, before what it does is imported: its parent may die meanwhile.

// SIGKILL, since a statement in flight would hold a clean exit back. Its locks go with it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
// A terminal, or a machine that stops, sends these to everybody: what they mean for a worker its parent says.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

await import('./serve.ts')
