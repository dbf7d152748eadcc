import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../../', import.meta.url).pathname
const run = promisify(execFile)
const printed = async (...args: string[]) => (await run(process.execPath, [join(root, 'scripts/reference.mjs'), ...args])).stdout

/** A project whose lib/index.ts exports from these files. */
function library(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  const all = {
    'tsconfig.build.json': JSON.stringify({
      compilerOptions: {
        declaration: true,
        module: 'nodenext',
        target: 'es2024',
        rootDir: '.',
        rewriteRelativeImportExtensions: true,
        types: [],
      },
      include: ['lib'],
    }),
    'package.json': '{ "type": "module" }',
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: { readonly stderr?: string }) => error.stderr ?? String(error),
  )

test('docs/reference.md is what scripts/reference.mjs prints', async () => {
  expect(readFileSync(join(root, 'docs/reference.md'), 'utf8'), 'run: node scripts/reference.mjs > docs/reference.md').toBe(await printed())
})

test('docs/reference.md names every export of lib/index.ts, each once', () => {
  const exported = [...readFileSync(join(root, 'lib/index.ts'), 'utf8').matchAll(/\{([^}]*)\} from/g)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.replace(/^\s*type /, '').trim())
    .filter(Boolean)
  const headings = [...readFileSync(join(root, 'docs/reference.md'), 'utf8').matchAll(/^### (.*)$/gm)].map(([, name]) => name)
  expect(exported.length).toBeGreaterThan(50)
  expect(headings.toSorted()).toEqual(exported.toSorted())
})

test('reference.mjs prints signature, docstring and fields', async () => {
  const folder = library({
    'lib/index.ts': "export { type CsvOptions, csv } from './export/csv.ts'\n",
    'lib/export/csv.ts': `/** Options; semicolons {and} brackets ( in text. */
export interface CsvOptions<in T> {
  /** Between columns. Default \`,\`. */
  readonly delimiter?: ',' | ';'
  /** What the rows
   * are. */
  rows(of: T): readonly string[]
  readonly _phantom?: T
}
/** Not exported. */
interface Hidden {
  readonly x: 1
}
/**
 * Delivers.
 *
 * Twice. @throws ConfigError for nothing
 */
export function csv<const T extends string>(path: T, options: CsvOptions<T> = {} as CsvOptions<T>): readonly T[] {
  return [path, String({} satisfies Partial<Hidden>) as T]
}
`,
  })
  const text = await printed(folder)
  expect(text).toContain(
    '### csv\n\n```ts\ncsv<T extends string>(path: T, options?: CsvOptions<T>): T[]\n```\n\nDelivers.\n\nTwice.\n\nThrows ConfigError for nothing.\n\nSee [CsvOptions](#csvoptions).\n',
  )
  expect(text).toContain(
    "### CsvOptions\n\nOptions; semicolons {and} brackets ( in text.\n\n- `delimiter?` `',' | ';'`: Between columns. Default `,`.\n- `rows(of: T): string[]`: What the rows are.\n",
  )
  expect(text).not.toContain('Hidden')
})

test('reference.mjs refuses exports and fields without a docstring, by name', async () => {
  const folder = library({
    'lib/index.ts': "export { a, b, type Options } from './check/a.ts'\n",
    'lib/check/a.ts': `/** Has one. */
export const a = 1
export const b = 2
/** Has one. */
export interface Options {
  readonly bare?: number
  /** Has one. */
  readonly told?: number
}
`,
  })
  expect(await errorOf(printed(folder))).toContain('no docstring: b, Options.bare')
})

test('reference.mjs refuses an export that stands in no group', async () => {
  const folder = library({
    'lib/index.ts': "export { a } from './observe/a.ts'\n",
    'lib/observe/a.ts': '/** Has one. */\nexport const a = 1\n',
  })
  expect(await errorOf(printed(folder))).toContain('in no group: a of lib/observe/a.d.ts')
})
