import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Schema } from '../../lib/pipeline/define/definition.ts'
import { renderSchema, schemaDifference } from '../../lib/pipeline/define/schema-file.ts'
import { temporaryFolder } from '../kit/context.ts'

const root = new URL('../..', import.meta.url).pathname
const awkward: Schema = {
  payment: { payment_id: 'int32', customer_id: 'int32', amount: 'decimal(5,2)' },
  'a "dataset"': { "it's": 'struct("a b" int32)', class: 'text', ünï: 'text', 'emo😀': 'list(struct("it\'s" int8))', カラム: 'date' },
  __proto__x: {},
  ['__proto__']: { ['__proto__']: 'text', 'back\\slash\nline\u2028': 'uuid' },
  wide: Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`column_${i}`, i === 3 ? `struct(${'inner int32, '.repeat(12)}z text)` : 'text']),
  ),
}

/** Columns in an order that JavaScript keeps: names like `1` always come first in an object. */
const schemas = fc
  .array(
    fc.tuple(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
      fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.lorem({ maxCount: 9 }))),
    ),
    { maxLength: 6 },
  )
  .map((all): Schema => Object.fromEntries(all.map(([name, columns]) => [name, Object.fromEntries(columns)])))

test('renderSchema gives one line for a small dataset and one for each column of a wide one', () => {
  const text = renderSchema('rentals', { payment: awkward.payment ?? {}, wide: awkward.wide ?? {} })
  expect(text.split('\n').slice(0, 6)).toEqual([
    '// written by `millrace plan rentals`; commit it',
    'export const schema = {',
    "  payment: { payment_id: 'int32', customer_id: 'int32', amount: 'decimal(5,2)' },",
    '  wide: {',
    "    column_0: 'text',",
    "    column_1: 'text',",
  ])
  expect(renderSchema('new', {})).toBe('// written by `millrace plan new`; commit it\nexport const schema = {} as const\n')
})

test('renderSchema gives text that imports as the same schema', async () => {
  const folder = temporaryFolder()
  const cases = [awkward, ...fc.sample(schemas, { numRuns: 60, seed: 7 })]
  for (const [i, schema] of cases.entries()) {
    const file = join(folder, `schema-${i}.ts`)
    writeFileSync(file, renderSchema('x', schema))
    const read = ((await import(file)) as { schema: Schema }).schema
    expect(JSON.stringify(read)).toBe(JSON.stringify(schema))
  }
})

test('renderSchema writes what the formatter would', () => {
  const folder = join(temporaryFolder(), 'lib')
  mkdirSync(folder)
  writeFileSync(join(folder, '../biome.json'), JSON.stringify({ root: true, extends: [join(root, 'biome.json')], vcs: { enabled: false } }))
  const widths = Array.from(
    { length: 12 },
    (_, i): Schema => ({ dataset: { a: 'x'.repeat(108 + i), name: 'date' }, other: { name_: 'y'.repeat(122 + i), four: 'z'.repeat(140) } }),
  )
  const cases = [awkward, ...widths, ...fc.sample(schemas, { numRuns: 60, seed: 8 })]
  for (const [i, schema] of cases.entries()) writeFileSync(join(folder, `schema-${i}.ts`), renderSchema('x', schema))
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'format', '--max-diagnostics=3', '--colors=off', '.'], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect(stdout + stderr).toContain(`Checked ${cases.length} files`)
  expect(status, stderr).toBe(0)
})

test('schemaDifference names what was added, removed, retyped and reordered', () => {
  const old: Schema = { a: { x: 'int32', y: 'text' }, b: { z: 'date' }, c: { u: 'int8', v: 'int8' } }
  expect(schemaDifference(old, old)).toEqual([])
  expect(schemaDifference(old, { a: { x: 'int64', w: 'uuid' }, c: { v: 'int8', u: 'int8' }, d: { q: 'json', r: 'text' } })).toEqual([
    '~ a.x: int32 -> int64',
    '+ a.w: uuid',
    '- a.y: text',
    '~ c: columns are in another order: v, u',
    '+ d: q json, r text',
    '- b',
  ])
  expect(schemaDifference({ a: {}, b: {} }, { b: {}, a: {} })).toEqual(['datasets are in another order: b, a'])
})

test('schemaDifference is empty only for equal schemas', () => {
  fc.assert(
    fc.property(schemas, schemas, (a, b) => {
      expect(schemaDifference(a, b).length === 0).toBe(JSON.stringify(a) === JSON.stringify(b))
    }),
  )
})
