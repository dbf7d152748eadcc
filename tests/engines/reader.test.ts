import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MillraceError } from '../../lib/core/errors.ts'
import { residentBytes } from '../../lib/core/proc.ts'
import { temporaryFolder } from '../kit/context.ts'
import { ENDLESS, LIMITS, open } from './reader-kit.ts'

/** Takes all the memory that it is given, DuckDB's own limit lifted. */
const HUNGRY = {
  statements: [
    { sql: "SET memory_limit = '8GB'" },
    { sql: 'CREATE TEMP TABLE t AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(100000000)' },
  ],
} as const

/** A FIFO that nobody has opened. */
function pipe(): string {
  const path = join(temporaryFolder(), 'pipe')
  execFileSync('mkfifo', [path])
  return path
}

const countOf = (file: string) =>
  `SELECT count(*) AS n FROM read_csv('${file}', header = false, auto_detect = false, columns = {a: 'INTEGER'})`

/** Process ids of the reader children of a process. */
function children(parent = process.pid): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        return (
          Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent &&
          /reader-child/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
        )
      } catch {
        return false
      }
    })
    .map(Number)
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    await sleep(10)
  }
  throw new Error('it did not come about in 5 s')
}

const failure = async (work: Promise<unknown>): Promise<MillraceError> => {
  const error = await work.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof MillraceError)) throw error
  return error
}

describe('a reader', () => {
  it('runs before, statements and meta in their order, with values bound', async () => {
    const result = await open().execute({
      before: ['CREATE TEMP TABLE t (a INTEGER)'],
      statements: [{ sql: 'INSERT INTO t SELECT range FROM range($n)', values: { n: 3 } }, { sql: 'INSERT INTO t VALUES (7)' }],
      meta: { sql: 'SELECT count(*) AS n, max(a) AS most FROM t WHERE a <> $not', values: { not: 1 } },
    })
    expect(result).toEqual({ found: [], rows: [3, 1], meta: [{ n: '3', most: '7' }] })
  })

  it('gives each job a connection and a session zone of its own, at the same time', async () => {
    const reader = open()
    const zones = ['Europe/Paris', 'America/New_York', undefined, 'Asia/Tokyo']
    const results = await Promise.all(
      zones.map((zone, i) =>
        reader.execute({
          ...(zone !== undefined && { zone }),
          before: [`CREATE TEMP TABLE mine AS SELECT ${i} AS i`],
          meta: { sql: "SELECT (SELECT i FROM mine) AS i, current_setting('TimeZone') AS zone" },
        }),
      ),
    )
    expect(results.map(({ meta }) => meta[0])).toEqual(zones.map((zone, i) => ({ i: String(i), zone: zone ?? 'UTC' })))
  })

  it("turns DuckDB's errors into typed ones that name what was read, the whole message in the cause", async () => {
    const reader = open()
    const job = { dataset: 'd', files: ['/in/a b.csv'] }
    const conversion = await failure(reader.execute({ ...job, meta: { sql: "SELECT 'abc'::INTEGER" } }))
    expect([conversion.name, conversion.message, conversion.place]).toEqual([
      'CheckError',
      `reading a b.csv of dataset "d": Could not convert string 'abc' to INT32`,
      { dataset: 'd', file: 'a b.csv' },
    ])
    expect((conversion.cause as Error).message).toMatch(/^Conversion Error: .*\n\nLINE 1:/)
    expect((await failure(reader.execute({ ...job, meta: { sql: 'SELECT nothing' } }))).name).toBe('ConfigError')
    expect((await failure(reader.execute({ ...job, meta: { sql: "FROM read_csv('/no/such/file.csv')" } }))).name).toBe('PermanentError')
  })

  it('stops a statement when its signal aborts, leaves no temporary file, and works on', async () => {
    const reader = open()
    const controller = new AbortController()
    const running = reader.execute({ statements: [{ sql: ENDLESS }] }, controller.signal)
    const [pid] = children()
    await sleep(100)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect(reader.execute({}, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect((await reader.execute({ meta: { sql: 'SELECT 1 AS one' } })).meta).toEqual([{ one: '1' }])
    expect(children()).toEqual([pid])
  })

  it('ends with the signal that it was opened with', async () => {
    const controller = new AbortController()
    const reader = open({}, { signal: controller.signal })
    const running = reader.execute({ statements: [{ sql: ENDLESS }] })
    const [pid = 0] = children()
    const reason = new Error('the run stops')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect(reader.execute({})).rejects.toBe(reason)
    await until(() => !isAlive(pid))
  })

  it('names the file whose job crashed the child, and starts another child', async () => {
    const reader = open()
    const crashing = reader.execute({ dataset: 'd', files: ['/in/bad.parquet'], statements: [{ sql: ENDLESS }] })
    const [pid = 0] = children()
    await sleep(50)
    // No file is known that crashes DuckDB 1.5.5 (40,000 mutated Parquet files did not): the child is ended as such a one would end it.
    process.kill(pid, 'SIGSEGV')
    const error = await failure(crashing)
    expect([error.name, error.message, error.place]).toEqual([
      'CheckError',
      'reading bad.parquet of dataset "d" crashed the reader (SIGSEGV)',
      { dataset: 'd', file: 'bad.parquet' },
    ])
    expect((await reader.execute({ meta: { sql: 'SELECT 1 AS one' } })).meta).toEqual([{ one: '1' }])
  })

  it('blames no file where the machine has killed the child', async () => {
    const reader = open()
    const running = reader.execute({ dataset: 'd', files: ['/in/good.parquet'], statements: [{ sql: ENDLESS }] })
    const [pid = 0] = children()
    await sleep(50)
    process.kill(pid, 'SIGKILL')
    expect(await failure(running)).toMatchObject({
      name: 'TransientError',
      message: 'the reader was killed (SIGKILL) while reading good.parquet of dataset "d"',
    })
  })

  it('starts another child where a signal to all processes, as Ctrl-C is, took the first before it had begun', async () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const reader = open()
      const running = reader.execute({ meta: { sql: 'SELECT 1 AS one' } })
      const [pid = 0] = children()
      process.kill(pid, signal)
      expect((await running).meta).toEqual([{ one: '1' }])
    }
  })

  it('runs jobs again, one by one, where one of several ended the child: only that one fails', async () => {
    const reader = open({ memoryBytes: 2 ** 33, readerMemoryBytes: 400 * 2 ** 20 })
    await reader.execute({})
    const [pid] = children()
    const bomb = reader.execute({ dataset: 'bomb', ...HUNGRY })
    const others = Array.from({ length: 3 }, (_, i) =>
      reader.execute({ dataset: `good${i}`, meta: { sql: `SELECT ${i} AS i, sum(sqrt(range)) > 0 AS s FROM range(60000000)` } }),
    )
    const error = await failure(bomb)
    expect([error.name, error.place]).toEqual(['PermanentError', { dataset: 'bomb' }])
    expect((await Promise.all(others)).map(({ meta }) => meta[0]?.i)).toEqual(['0', '1', '2'])
    expect(children()).not.toContain(pid)
  })

  it('ends a job that takes too long, and runs those beside it again', async () => {
    const reader = open({ readerTimeoutMs: 6_000 })
    // Read until somebody writes: that takes as long as the test wants, and no machine's time.
    const [never, later] = [pipe(), pipe()]
    const slow = reader.execute({ dataset: 'slow', files: ['/in/slow.csv'], meta: { sql: countOf(never) } })
    await sleep(2_000)
    const beside = reader.execute({ meta: { sql: countOf(later) } })
    const [pid] = children()
    const error = await failure(slow)
    expect([error.name, error.message, error.place, error.hint]).toEqual([
      'PermanentError',
      'reading slow.csv of dataset "slow" took longer than 6 s',
      { dataset: 'slow', file: 'slow.csv' },
      'raise limits.readerTimeout, or split the file',
    ])
    // The child that is being killed still holds the pipe open: what it took would be lost.
    while (pid !== undefined && children().includes(pid)) await sleep(20)
    await writeFile(later, '1\n2\n3\n')
    expect((await beside).meta).toEqual([{ n: '3' }])
  })

  it('ends a child that takes too much memory', async () => {
    const reader = open({ memoryBytes: 2 ** 33, readerMemoryBytes: 400 * 2 ** 20 })
    const [pid] = children()
    const error = await failure(
      reader.execute({
        dataset: 'bomb',
        files: ['/in/bomb.csv.gz'],
        ...HUNGRY,
      }),
    )
    expect([error.name, error.message, error.place]).toEqual([
      'PermanentError',
      'reading bomb.csv.gz of dataset "bomb" took more than 400 MiB of memory',
      { dataset: 'bomb', file: 'bomb.csv.gz' },
    ])
    expect((await reader.execute({ meta: { sql: 'SELECT 1 AS one' } })).meta).toEqual([{ one: '1' }])
    expect(children()).not.toContain(pid)
  })

  it('gets no environment and no argument beyond what it needs', async () => {
    process.env.READER_TEST_SECRET = 'do-not-pass'
    onTestFinished(() => {
      delete process.env.READER_TEST_SECRET
    })
    const reader = open()
    await reader.execute({})
    const [pid] = children()
    const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .map((entry) => entry.split('=')[0])
    expect(
      names.filter((name) => name && !/^(PATH|TMPDIR|LANG|NODE_COMPILE_CACHE|UV_THREADPOOL_SIZE|NODE_CHANNEL_\w+)$/.test(name)),
    ).toEqual([])
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)).toHaveLength(2)
    expect(residentBytes(pid ?? 0)).toBeGreaterThan(2 ** 20)
  })

  it('dies with its parent in the middle of a statement', async () => {
    const folder = temporaryFolder()
    const script = join(folder, 'parent.ts')
    const module = fileURLToPath(new URL('../../lib/engines/reader.ts', import.meta.url))
    writeFileSync(
      script,
      `import { openReader } from ${JSON.stringify(module)}
       const reader = openReader({ limits: ${JSON.stringify(LIMITS)}, zone: 'UTC', temp: ${JSON.stringify(folder)} })
       await reader.execute({ meta: { sql: 'SELECT 1 AS one' } })
       void reader.execute({ statements: [{ sql: ${JSON.stringify(ENDLESS)} }] })
       setTimeout(() => process.stdout.write('running'), 200)`,
    )
    const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => parent.stdout?.once('data', resolve))
    const [pid = 0] = children(parent.pid)
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await until(() => !isAlive(pid))
  })

  it('does not hold its parent open when it has nothing to do', () => {
    const module = fileURLToPath(new URL('../../lib/engines/reader.ts', import.meta.url))
    const temp = temporaryFolder()
    const code = `import { openReader } from ${JSON.stringify(module)}
      const reader = openReader({ limits: ${JSON.stringify(LIMITS)}, zone: 'UTC', temp: ${JSON.stringify(temp)} })
      console.log((await reader.execute({ meta: { sql: 'SELECT 42 AS answer' } })).meta[0].answer)`
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 20_000 })
    expect(out).toBe('42\n')
  })

  it('rejects jobs after its close, and close may come twice', async () => {
    const reader = open()
    const running = reader.execute({ statements: [{ sql: ENDLESS }] })
    const [pid = 0] = children()
    const stopped = failure(running)
    await reader.close()
    await reader.close()
    expect((await stopped).name).toBe('TransientError')
    expect(isAlive(pid)).toBe(false)
    await expect(reader.execute({})).rejects.toThrow('the reader is closed')
  })
})
