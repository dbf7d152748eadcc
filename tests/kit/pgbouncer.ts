import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { answers, freePort } from '../../fixtures/ports.ts'
import type { Pooler, PoolMode } from './pooler.ts'
import type { TestPostgres } from './postgres.ts'

/** PgBouncer, where the machine has it. */
export const PGBOUNCER = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find(existsSync)

const READY_MS = 10_000

/** Starts PgBouncer before a server; as root it runs as `nobody`, since it refuses root. */
export async function startPgbouncer({ host, port, user, password }: TestPostgres, mode: PoolMode): Promise<Pooler> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-pgbouncer-'))
  await chmod(folder, 0o755)
  const own = await freePort()
  const settings = [
    ...['[databases]', `* = host=${host} port=${port}`, '[pgbouncer]', 'listen_addr = 127.0.0.1', `listen_port = ${own}`],
    ...['unix_socket_dir =', 'auth_type = scram-sha-256', `auth_file = ${join(folder, 'users')}`, `pool_mode = ${mode}`],
    ...(process.getuid?.() === 0 ? ['user = nobody'] : []),
  ]
  await writeFile(join(folder, 'users'), `"${user}" "${password}"\n`)
  await writeFile(join(folder, 'pgbouncer.ini'), `${settings.join('\n')}\n`)
  const child = spawn(PGBOUNCER ?? 'pgbouncer', ['-q', join(folder, 'pgbouncer.ini')], { stdio: 'ignore' })
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const begun = performance.now()
  while (!(await answers(own))) {
    if (child.exitCode !== null || performance.now() - begun > READY_MS) throw new Error(`PgBouncer did not start in ${folder}`)
    await new Promise((done) => setTimeout(done, 20))
  }
  return {
    host: '127.0.0.1',
    port: own,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
