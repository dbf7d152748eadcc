import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Certificate } from '../../lib/pipeline/certify/certificate.ts'
import { blocksOf, commandsOf, isTold } from '../docs/blocks.ts'
import { copyProject } from '../golden/cases.ts'
import { CHECKOUT, command, type TestProject, testProject } from '../kit/project.ts'

/** 3,000 sales of two days in ten groups of ties. Sums of the amounts need every digit of a double. */
const SALES = Array.from({ length: 3000 }, (_, i) => {
  const at = new Date(Date.UTC(2024, 0, 1 + (i % 2), i % 24)).toISOString()
  return `${i},${at},${i % 10},item ${i % 7},${(((i * 7919) % 10_007) / 7) * 10 ** (i % 9)}`
})

const STEPS: Readonly<Record<string, string>> = {
  // Deterministic: a total order, exact sums, the partition's own window.
  exact:
    'sql`SELECT shop, count(*) AS n, min(item) AS item, string_agg(item, $$,$$ ORDER BY id) AS items, $start AS since FROM sale GROUP BY shop`',
  joined: "sql`SELECT shop, string_agg(item, ',') AS items, count(*) AS n FROM sale GROUP BY shop`",
  listed: 'sql`SELECT shop, list(id) AS ids FROM sale GROUP BY shop`',
  any: 'sql`SELECT shop, first(id) AS some, any_value(item) AS item FROM sale GROUP BY shop`',
  numbered: 'sql`SELECT id, shop, row_number() OVER (PARTITION BY shop ORDER BY item) AS place FROM sale`',
  summed: 'sql`SELECT shop, sum(amount) AS amount FROM sale GROUP BY shop`',
  limited: 'sql`SELECT id, shop FROM sale ORDER BY shop LIMIT 5`',
  ordered: 'sql`SELECT id, shop FROM sale ORDER BY shop`',
  running: 'sql`SELECT id, count(*) OVER (ORDER BY shop ROWS UNBOUNDED PRECEDING) AS place FROM sale`',
  added: '({ sale }) => sale.groupBy("shop").agg(pl.col("amount").sum().alias("amount"))',
  aged: 'sql`SELECT id, age(sold) AS age FROM sale`',
  stamped: 'sql`SELECT id, now() AS made FROM sale`',
  dated: 'sql`SELECT id, current_date - sold::DATE AS days FROM sale`',
  drawn: 'sql`SELECT id, random() AS lot FROM sale`',
  named: 'sql`SELECT id, uuid()::VARCHAR AS name FROM sale`',
  downstream: 'sql`SELECT count(*) AS n, sum(lot) AS lots FROM drawn`',
  framed: '({ sale }) => sale.withColumns(pl.lit(Math.random()).alias("lot"))',
  yearly: '({ sale }) => sale.withColumns(pl.lit(new Date().getUTCFullYear()).cast(pl.Int32).alias("year"))',
  hourly: '({ sale }) => sale.withColumns(pl.lit(new Date(0).getHours()).cast(pl.Int32).alias("hour"))',
  spelled: '({ sale }) => sale.withColumns(pl.lit((1234.5).toLocaleString()).alias("number"))',
  settled: '({ sale }) => sale.withColumns(pl.lit(process.env.LC_ALL ?? "").alias("locale"))',
  called: 'sql.with({ udf: { price } })`SELECT id, price(item) AS price FROM sale`',
  rounded: 'sql`SELECT shop, sum(amount) AS amount FROM sale GROUP BY shop`',
  tied: 'sql`SELECT id, shop FROM sale`',
}

/** What the steps that are delivered promise. */
const EXPORTS: Readonly<Record<string, string>> = {
  rounded:
    "csv('rounded/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { shop: 'int64', amount: 'float64' }, orderBy: ['shop'], round: { amount: 0 } }) })",
  tied: "csv('tied/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { id: 'int64', shop: 'int64' }, orderBy: ['shop'] }) })",
}

/** A pipeline of these steps, landed. */
async function landed(only: readonly string[]): Promise<TestProject> {
  const steps = Object.entries(STEPS).filter(([name]) => only.includes(name))
  const isDelivered = ([name]: readonly [string, string]) => Object.hasOwn(EXPORTS, name)
  const shop = testProject({
    'data/sales.csv': `id,sold,shop,item,amount\n${SALES.join('\n')}\n`,
    'pipelines/shop/price.ts': 'export const priced = (text: string) => text.length.toLocaleString() + (1234.5).toLocaleString()\n',
    'pipelines/shop/pipeline.ts': `/** Sales. */
import pl from 'nodejs-polars'
import { contract, csv, day, pipeline, replacePartition, source, sql, udf } from '#millrace'
import { priced } from './price.ts'
import { schema } from './schema.ts'
export default pipeline({
  name: 'shop', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: { sale: source('data').files('sales.csv', { window: 'sold' }) },
  transform: {
    ${steps.map(([name, step]) => `${name}: ${step},`).join('\n    ')}
  },
  load: { ${steps
    .filter((step) => !isDelivered(step))
    .map(([name]) => `${name}: replacePartition('${name}')`)
    .join(', ')} },
  export: { ${steps
    .filter(isDelivered)
    .map(([name]) => `${name}: ${EXPORTS[name]}`)
    .join(', ')} },
})`.replace('udf: { price }', "udf: { price: udf(['text'], 'text', (items) => items.map((item) => priced(String(item)))) }"),
    'pipelines/shop/schema.ts': `export const schema = { sale: { id: 'int64', sold: 'timestamptz', shop: 'int64', item: 'text', amount: 'float64' } } as const\n`,
  })
  const planned = await shop.millrace('plan', 'shop')
  expect(planned.code, planned.stderr).toBe(0)
  const ran = await shop.millrace('run', 'shop', '--only', 'land')
  expect(ran.code, ran.stderr).toBe(0)
  return shop
}

/** Runs certify and gives the certificate, which is also what lies beside the run records. */
async function certified(project: TestProject, ...argv: readonly string[]): Promise<Certificate> {
  const { code, stdout, stderr } = await project.millrace('certify', 'shop', '--json', ...argv)
  const { file, ...certificate } = JSON.parse(stdout) as Certificate & { readonly file: string }
  expect(code, stderr).toBe(certificate.exitCode)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(certificate)
  return certificate
}

/** What each step that is not deterministic is found by: the setting that shows it first, its columns, and the likely cause. */
const FOUND: Readonly<Record<string, readonly [setting: string, columns: readonly string[], cause: RegExp]>> = {
  joined: ['order', ['items'], /^string_agg\(\) without ORDER BY joins rows as they come by/],
  listed: ['order', ['ids'], /^list\(\) without ORDER BY/],
  any: ['order', ['some', 'item'], /^first\(\) without ORDER BY[^|]*\|any_value\(\) without ORDER BY/],
  numbered: ['order', ['place'], /^row_number\(\) OVER \(… ORDER BY item\): rows that tie/],
  summed: ['order', ['amount'], /^"amount" is a sum or mean of floats/],
  limited: ['order', ['id'], /^ORDER BY shop: rows that tie/],
  ordered: ['order', [], /^ORDER BY shop: rows that tie/],
  running: ['order', ['place'], /^count\(\) OVER \(… ORDER BY shop\): rows that tie/],
  added: ['order', ['amount'], /^"amount" is a sum or mean of floats/],
  aged: ['clock', ['age'], /^age\(\) reads the clock/],
  stamped: ['again', ['made'], /^now\(\) reads the clock/],
  dated: ['clock', ['days'], /^current_date\(\) reads the clock/],
  drawn: ['again', ['lot'], /^random\(\) gives another value each time/],
  named: ['again', ['name'], /^uuid\(\) gives another value each time/],
  downstream: ['again', ['lots'], /^it reads "drawn", which differs$/],
  framed: ['again', ['lot'], /^the frame depends on Math\.random\(\)/],
  yearly: ['clock', ['year'], /^the frame depends on JavaScript's clock/],
  hourly: ['zone Pacific/Kiritimati', ['hour'], /^the frame depends on the machine's zone/],
  spelled: ['locale tr_TR', ['number'], /^the frame depends on the machine's locale/],
  settled: ['locale tr_TR', ['locale'], /the frame depends on process\.env/],
  called: ['locale tr_TR', ['price'], /^a udf depends on the machine's locale/],
  rounded: ['order', ['amount'], /^"amount" is a sum or mean of floats/],
}

test('certify names each step that is not deterministic, what of it differs, when, and why', { timeout: 600_000 }, async () => {
  const shop = await landed(Object.keys(STEPS))
  const { outcome, differences, failures, units, datasets } = await certified(shop)
  expect([outcome, failures]).toEqual(['differs', []])
  expect(units.map(({ partition }) => partition)).toEqual(['2024-01-01', '2024-01-02'])
  expect(datasets).toEqual(Object.keys(STEPS))
  const found = differences.filter((each) => each.export === undefined)
  expect(found.map(({ dataset }) => dataset)).toEqual(Object.keys(STEPS).filter((name) => Object.hasOwn(FOUND, name)))
  for (const { dataset, settings, columns, causes, partitions, example, order } of found) {
    const [setting, differing, cause] = FOUND[dataset] ?? []
    // Threads may bring rows in the same order as one did: they may be found, the order of rows is.
    const shown = settings.filter((name) => !(setting === 'order' && /^(again|threads)/.test(name)))
    expect([dataset, shown[0], columns, partitions]).toEqual([dataset, setting, differing, 2])
    expect(causes.join('|')).toMatch(cause ?? /^$/)
    if (!order) expect(example?.was).not.toEqual(example?.became)
  }
  // A sum whose last digits differ is let pass where nobody sees them; a file in an order that is none is not.
  expect(found.filter(({ tolerated }) => tolerated).map(({ dataset }) => dataset)).toEqual(['rounded'])
  expect(differences.filter((each) => each.export !== undefined).map((each) => [each.export, each.order])).toEqual([
    ['tied/{partition}.csv', true],
  ])

  const { code, stdout } = await shop.millrace('certify', 'shop', '--partition', '2024-01-02')
  expect(code).toBe(3)
  expect(stdout).toContain('\npartitions 2024-01-02\n')
  expect(stdout).toMatch(
    /\ndated differs when it is 400 days later \(2024-01-02\)\n {2}column days: 1,500 of 1,500 rows are others\n {2}where id '1': days '\d+', then days '\d+'\n {2}likely: current_date/,
  )
  expect(stdout).toContain('\nrounded differs in last digits, which nothing shows when')
})

test('certify of steps that are deterministic: SQL, frame, udf, keys, changes, what partitions share; a step that fails under a setting', {
  timeout: 600_000,
}, async () => {
  const shop = testProject({
    'data/north.csv': 'id,item,amount\n1,lamp,1.50\n2,bed,2.25\n3,lamp,7.00\n',
    'data/south.csv': 'id,item,amount\n4,bed,1.00\n5,lamp,2.50\n',
    'data/item.csv': 'item,price,changed\nlamp,3,2024-01-01 00:00:00\nbed,9,2024-01-02 00:00:00\n',
    'pipelines/shop/pipeline.ts': `/** Sales by shop. */
import pl from 'nodejs-polars'
import { append, contract, csv, keys, merge, pipeline, replace, replacePartition, source, sql, udf } from '#millrace'
import { schema } from './schema.ts'
const initial = udf(['text'], 'text', (texts) => texts.map((text) => (text === null ? null : String(text).slice(0, 1))))
export default pipeline({
  name: 'shop', schema, partition: keys(['north', 'south']),
  extract: {
    sale: source('data').files('{partition}.csv'),
    item: source('data').files('item.csv', { cursor: 'changed', key: 'item' }),
  },
  transform: {
    total: sql\`SELECT item, sum(amount) AS amount, string_agg(id, ',' ORDER BY id) AS ids FROM sale GROUP BY item ORDER BY item\`,
    named: sql.with({ udf: { initial } })\`SELECT *, initial(item) AS letter FROM total\`,
    ranked: ({ named }) => named.withColumns(pl.col('amount').rank('min', true).alias('rank')),
    priced: sql\`SELECT item, price * 2 AS twice FROM item\`,
    moved: sql\`SELECT item, price, changed FROM item.changes\`,
  },
  load: { item: merge('item', { key: 'item' }), priced: replace('priced'), moved: append('moved'), ranked: replacePartition('ranked') },
  export: {
    ranked: csv('ranked/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { item: 'text', amount: 'decimal(38,2)', letter: 'text' }, orderBy: ['item'] }) }),
  },
})`,
    'pipelines/shop/schema.ts': `export const schema = {
  sale: { id: 'int64', item: 'text', amount: 'decimal(9,2)' }, item: { item: 'text', price: 'int64', changed: 'timestamp' },
} as const\n`,
  })
  for (const argv of [
    ['plan', 'shop'],
    ['run', 'shop'],
  ]) {
    const { code, stdout, stderr } = await shop.millrace(...argv)
    expect(code, stdout + stderr).toBe(0)
  }
  const commits = () =>
    readdirSync(shop.path('.millrace/dev'), { recursive: true, encoding: 'utf8' })
      .filter((name) => /^(landing|export|runs)/.test(name))
      .sort()
  const before = commits()
  const { outcome, differences, failures, units, datasets, exports, settings, code } = await certified(shop)
  expect([outcome, differences, failures]).toEqual(['certified', [], []])
  expect(units.map(({ partition, load, inputs }) => [partition, load?.id, Object.keys(inputs)])).toEqual([
    [null, undefined, ['item']],
    [null, 1, ['item', 'item.changes']],
    ['north', undefined, ['sale']],
    ['south', undefined, ['sale']],
  ])
  expect([[...datasets].sort(), exports]).toEqual([['moved', 'named', 'priced', 'ranked', 'total'], ['ranked/{partition}.csv']])
  expect(settings.map(({ name }) => name)).toEqual([
    'again',
    'threads 1',
    'threads 4',
    'zone Pacific/Kiritimati',
    'locale tr_TR',
    'clock',
    'order',
  ])
  expect(Object.keys(code).sort()).toEqual(['moved', 'named', 'priced', 'ranked', 'total'])
  // Nothing was committed, and nothing is left.
  expect(commits()).toEqual(before)
  expect(readdirSync(shop.path('.millrace/dev/workspace')).filter((name) => name.startsWith('certify'))).toEqual([])

  const file = shop.path('pipelines/shop/pipeline.ts')
  const text = readFileSync(file, 'utf8')
  shop.write({
    'pipelines/shop/pipeline.ts': text.replace("alias('rank'))", "alias(process.env.LC_ALL === 'tr_TR.UTF-8' ? 'rang' : 'rank'))"),
  })
  const failing = await shop.millrace('certify', 'shop')
  expect(failing.code).toBe(3)
  expect(failing.stdout).toMatch(
    /\nfails when the machine's locale is Turkish\n {2}error: shop: schema\.ts is out of date: \+ ranked\.rang/,
  )
})

test.each(['quakes', 'flights', 'weather', 'rentals'])('%s, which ships, is certified', { timeout: 600_000 }, async (name) => {
  const folder = await copyProject()
  // PostgreSQL runs as another user where this one is root.
  chmodSync(folder, 0o755)
  const millrace = (...argv: readonly string[]) => command(process.execPath, [join(CHECKOUT, 'bin/millrace.js'), ...argv], folder)
  const ran = await millrace('run', name, '--only', 'land')
  expect(ran.code, ran.stdout).toBe(0)
  const { code, stdout, stderr } = await millrace('certify', name, '--sample', '3', '--json')
  expect(code, stdout + stderr).toBe(0)
  const { outcome, differences, units } = JSON.parse(stdout) as Certificate
  expect([outcome, differences.filter(({ tolerated }) => !tolerated)]).toEqual(['certified', []])
  expect(units.filter(({ partition }) => partition !== null)).toHaveLength(3)
})

test('what docs/certify.md shows of certify is what it prints', { timeout: 120_000 }, async () => {
  const project = testProject({
    'data/sales.csv': `store,day\n${[1, 2].flatMap((day) => [1, 2, 3].map((store) => `${store},2024-01-0${day}T01:00:00Z`)).join('\n')}\n`,
    'pipelines/shop/pipeline.ts': `import { contract, csv, day, pipeline, source, sql } from '#millrace'
import { schema } from './schema.ts'
export default pipeline({
  name: 'shop', schema, partition: day({ from: '2024-01-01', to: '2024-01-03' }),
  extract: { sale: source('data').files('sales.csv', { window: 'day' }) },
  transform: { revenue: sql\`SELECT store, current_date - day::DATE AS age FROM sale\` },
  export: { revenue: csv('revenue/{partition}.csv', { contract: contract({ formulas: 'raw', columns: { store: 'int64', age: 'int64' }, orderBy: ['store'] }) }) },
})`,
    'pipelines/shop/schema.ts': `export const schema = { sale: { store: 'int64', day: 'timestamptz' }, revenue: { store: 'int64', age: 'int64' } } as const\n`,
  })
  expect((await project.millrace('run', 'shop', '--only', 'land')).code).toBe(0)
  const page = readFileSync(join(CHECKOUT, 'docs/certify.md'), 'utf8')
  const [told] = commandsOf(blocksOf(page).find(({ language }) => language === 'console')?.text ?? '')
  const { code, stdout } = await project.millrace(...(told?.command.split(' ').slice(1) ?? []))
  expect(code).toBe(told?.exit)
  expect(isTold(told?.output ?? '', stdout, project.folder), stdout).toBe(true)
})
