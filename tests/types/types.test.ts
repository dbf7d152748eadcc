import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../..', import.meta.url).pathname
const here = import.meta.dirname

function tsc(project: string): { output: string } {
  const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--pretty', 'false', '-p', project], {
    cwd: root,
    encoding: 'utf8',
  })
  return { output: stdout }
}

test('a pipeline file compiles where its names are right, and only there', () => {
  expect(readFileSync(join(here, 'refused.ts'), 'utf8').match(/@ts-expect-error/g)?.length).toBeGreaterThan(50)
  // What is wrong elsewhere in lib/ is not this test's to tell.
  const own = tsc(here)
    .output.split(/^(?=\S)/m)
    .filter((line) => line.startsWith('tests/types/'))
  expect(own).toEqual([])
})

const extract = "{ payment: files.files('p.csv'), customer: files.files('c.csv', { cursor: 'last_update', key: 'customer_id' }) }"
const revenue = "revenue: sql.file('revenue.sql')"

/** What the compiler must say: the wrong name, and where it can the nearest or the right ones. */
const messages: readonly (readonly [definition: string, ...words: string[]])[] = [
  [`extract, transform: { ${revenue}, ranked: ({ revenu }) => revenu }`, "'revenu' does not exist", 'Datasets<"revenue"'],
  [`extract, transform: { ${revenue}, ranked: (datasets) => datasets.revenu }`, "Did you mean 'revenue'?"],
  [`extract, transform: { ${revenue}, ranked: ({ 'custome.changes': delta }) => delta }`, 'custome.changes'],
  [
    `extract, transform: { ${revenue}, ranked: ({ revenue }) => revenue.collectSync() }`,
    'a frame stays lazy: give it back, and millrace runs it',
  ],
  [`extract, transform: { ${revenue}, ranked: ({ revenue }) => revenue.sort('amont') }`, '"amont"', 'amount: '],
  [`extract, transform: { payment: sql.file('p.sql') }`, 'transform has a dataset of this name'],
  [`extract, check: { paymen: [notNull('amount')] }`, "'paymen'", "'payment'"],
  [`extract, check: { payment: [notNull('amont')] }`, '"amont"', '"amount"'],
  [`extract, load: { custome: merge('t', { key: 'customer_id' }) }`, "'custome'", "'customer'"],
  [`extract, load: { customer: merge('t', { key: 'customer_i' }) }`, '"customer_i"', '"customer_id"'],
  [`extract: { payment: files.files('p.csv', { window: 'payment_dat' }) }`, '"payment_dat"', '"payment_date"'],
  [`extract, transform: { revenue: sql.file('revenue.sql', { window: 'dya' }) }`, '"dya"', '"day"'],
  [`extract, transform: { ${revenue} }, export: { revenue: csv('x.csv', { contract: asFloat }) }`, '"float64"', '"decimal(38,2)"'],
]

test('what the compiler says names the wrong name and the right ones', () => {
  const folder = temporaryFolder()
  cpSync(join(here, 'schema.ts'), join(folder, 'schema.ts'))
  const head = [
    `import { contract, csv, merge, notNull, pipeline, source, sql } from '${root}lib/index.ts'`,
    "import { schema } from './schema.ts'",
    "const files = source('files')",
    `const extract = ${extract}`,
    "const asFloat = contract({ formulas: 'raw', columns: { amount: 'float64' }, orderBy: ['amount'] })",
    'void [contract, csv, merge, notNull, sql, extract, asFloat]',
  ].join('\n')
  for (const [i, [definition]] of messages.entries())
    writeFileSync(join(folder, `case-${i}.ts`), `${head}\nexport default pipeline({ name: 'x', schema, ${definition} })\n`)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { types: [] }, include: ['.'] }),
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const { output } = tsc(folder)
  for (const [i, [definition, ...words]] of messages.entries()) {
    const said = output
      .split(/^(?=\S)/m)
      .filter((line) => line.includes(`case-${i}.ts`))
      .join('')
    for (const word of words) expect(said, definition).toContain(word)
  }
})
