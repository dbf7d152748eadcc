import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'

const ROOT = new URL('../..', import.meta.url).pathname

/** What a command loads: files of the checkout by their path in it, others by package, and built-in modules. */
async function loadedBy(...args: string[]): Promise<readonly string[]> {
  const hook = join(temporaryFolder(), 'hook.mjs')
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module'
     const urls = []
     registerHooks({ load: (url, context, next) => { urls.push(url); return next(url, context) } })
     process.on('exit', () => process.stderr.write('LOADED ' + JSON.stringify(urls)))`,
  )
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', hook, join(ROOT, 'bin/millrace.js'), ...args], { cwd: ROOT })
  const urls: readonly string[] = JSON.parse(/LOADED (.*)$/s.exec(stderr)?.[1] ?? '[]')
  return urls.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? url.replace('file://', '').replace(ROOT, ''))
}

it('plan loads nothing of what opens a system, lands, loads, delivers or explains a wrong configuration', async () => {
  const loaded = new Set(await loadedBy('plan', 'weather', '--frozen'))
  expect(loaded).toContain('lib/pipeline/define/plan.ts')
  expect(loaded).toContain('lib/connectors/postgres/index.ts')
  const unwanted = [
    // 180 modules: what is needed of it stands in lib/engines/duckdb-connection.ts.
    '@duckdb/node-api',
    ...['zod', 'nodejs-polars', 'acorn', 'croner', '@node-rs/crc32', 'pg', 'pino', 'yargs', 'cockatiel', '@google-cloud/storage'],
    // An import of these reads a getter that loads undici: 40 ms.
    ...['node:http', 'node:https'],
    ...['lib/config/validate.ts', 'lib/land/land.ts', 'lib/load/load.ts', 'lib/export/deliver.ts', 'lib/engines/reader.ts'],
  ]
  expect(unwanted.filter((each) => loaded.has(each))).toEqual([])
  expect([...loaded].filter((each) => /^lib\/connectors\/\w+\/(store|source|warehouse|check|client)\.ts$/.test(each))).toEqual([])
})

it('list does not load DuckDB', async () => {
  const loaded = await loadedBy('list')
  expect(loaded).toContain('lib/cli/list.ts')
  expect(loaded.filter((each) => each.startsWith('@duckdb/') || each === 'zod')).toEqual([])
})
