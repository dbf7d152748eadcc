import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { describe, expect, it, test } from 'vitest'
import { importsOf, layoutViolations } from './layout.ts'

const root = new URL('..', import.meta.url).pathname

async function projectFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for await (const path of glob(['bin/**/*.ts', 'lib/**/*.ts', 'pipelines/**/*.ts', 'experiments/**/*.ts'], { cwd: root })) {
    files.set(path, readFileSync(`${root}${path}`, 'utf8'))
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('the project keeps to its layout', async () => {
  const files = await projectFiles()
  expect(files.size).toBeGreaterThan(1)
  expect(layoutViolations(files)).toEqual([])
})

describe('layoutViolations reports', () => {
  const bad: [rule: string, file: string, text: string, problem: string][] = [
    ['an import upwards', 'lib/engines/a.ts', "import { x } from '../formats/csv.ts'", 'engines is below formats'],
    ['a type imported upwards', 'lib/state/a.ts', "import type { X } from '../pipeline/plan.ts'", 'state is below pipeline'],
    ['a dynamic import upwards', 'lib/engines/a.ts', "const x = await import('../cli/run.ts')", 'engines is below cli'],
    ['core importing ours', 'lib/core/a.ts', "export * from '../state/locks.ts'", 'core imports nothing of ours'],
    ['a stage importing a stage', 'lib/load/a.ts', "import '../export/csv.ts'", 'a stage imports no other stage'],
    [
      'a stage importing a connector',
      'lib/load/a.ts',
      "import { x } from '../connectors/gcs/store.ts'",
      'only the registry imports a connector',
    ],
    [
      'a stage importing the registry',
      'lib/load/a.ts',
      "import { x } from '../connectors/index.ts'",
      'only pipeline/, cli/ and index.ts import the registry',
    ],
    ['a stage importing observe', 'lib/load/a.ts', "import { x } from '../observe/log.ts'", 'only pipeline/ and cli/ import observe/'],
    ['a stage importing config', 'lib/load/a.ts', "import { x } from '../config/profile.ts'", 'only pipeline/ and cli/ import config/'],
    ['a connector importing a stage', 'lib/connectors/gcs/a.ts', "import { x } from '../../load/merge.ts'", 'system is below load'],
    [
      'a connector importing a connector',
      'lib/connectors/gcs/a.ts',
      "import { x } from '../s3/store.ts'",
      'a connector imports no other connector',
    ],
    [
      'an interface importing a value',
      'lib/connectors/source.ts',
      "import { x } from '../engines/duckdb.ts'",
      'takes only types from there',
    ],
    [
      'config importing an engine',
      'lib/config/a.ts',
      "import { x } from '../engines/duckdb.ts'",
      'config imports connector interfaces and core',
    ],
    ['lib importing the public surface', 'lib/load/a.ts', "import { x } from '#millrace'", 'load is below index'],
    ['an import from outside lib', 'lib/load/a.ts', "import { x } from '../../tests/a.ts'", 'is outside lib/'],
    ['a pipeline reaching into lib', 'pipelines/a/pipeline.ts', "import { x } from '../../lib/core/hash.ts'", 'only #millrace'],
    ['a pipeline importing another', 'pipelines/a/pipeline.ts', "import { x } from '../b/schema.ts'", 'only #millrace'],
    ['an experiment importing a package', 'experiments/a.ts', "import { x } from 'left-pad'", 'only #millrace'],
    ['row objects', 'lib/load/a.ts', 'const x = await reader.getRowObjects()', 'lib/load/a.ts:1: calls getRowObjects()'],
    ['rows()', 'lib/load/a.ts', '\nframe.rows()', 'lib/load/a.ts:2: calls .rows()'],
    ['a catch-all file', 'lib/load/utils.ts', '', 'a catch-all file'],
    ['a long file', 'lib/load/a.ts', 'x\n'.repeat(401), 'has 401 lines'],
    ['a folder of no layer', 'lib/misc/a.ts', '', 'is in no layer'],
    ['a file beside the public surface', 'lib/a.ts', '', 'is in no layer'],
  ]
  it.each(bad)('%s', (_rule, file, text, problem) => {
    const found = layoutViolations(new Map([[file, text]]))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(problem)
  })

  it('a cycle, of type-only imports too', () => {
    const files = new Map([
      ['lib/load/a.ts', "import { b } from './b.ts'"],
      ['lib/load/b.ts', "import type { C } from './c.ts'"],
      ['lib/load/c.ts', "export { a } from './a.ts'"],
    ])
    expect(layoutViolations(files)).toEqual(['import cycle: lib/load/a.ts → lib/load/b.ts → lib/load/c.ts → lib/load/a.ts'])
  })

  it('nothing where every rule is kept', () => {
    const files = new Map([
      ['bin/millrace.ts', "import { main } from '../lib/cli/main.ts'"],
      ['lib/index.ts', "export { pipeline } from './pipeline/definition.ts'"],
      ['lib/cli/main.ts', "import { log } from '../observe/log.ts'\nimport { run } from '../pipeline/run.ts'"],
      ['lib/pipeline/run/run.ts', "import { sources } from '../../connectors/index.ts'\nimport { load } from '../../load/merge.ts'"],
      ['lib/connectors/index.ts', "export { gcs } from './gcs/store.ts'"],
      [
        'lib/connectors/gcs/store.ts',
        "import type { Store } from '../store.ts'\nimport { part } from './part.ts'\nimport { x } from '../../engines/x.ts'",
      ],
      ['lib/connectors/store.ts', "import type { Token } from '../state/token.ts'\nimport { fail } from '../core/errors.ts'"],
      ['lib/load/merge.ts', "import type { Store } from '../connectors/store.ts'\n// reader.getRows() is not called"],
      ['pipelines/a/pipeline.ts', "import { pipeline } from '#millrace'\nimport schema from './schema.ts'"],
    ])
    expect(layoutViolations(files)).toEqual([])
  })
})

test('importsOf reads every form of import and no comment or template', () => {
  const text = [
    "import a from 'a'",
    'import {\n  type B,\n  c,\n} from "b"',
    "import type { D } from 'd'",
    "import 'e'",
    "export * from 'f'",
    "export type { G } from 'g'",
    "const h = () => import('h')",
    "// import x from 'comment'",
    "/** import x from 'docstring' */",
    "const text = `\nimport x from 'template'\n`",
    "export const url = 'http://host'; const from = 'plain'",
  ].join('\n')
  expect(importsOf(text)).toEqual([
    ...['a', 'b'].map((specifier) => ({ specifier, typeOnly: false })),
    { specifier: 'd', typeOnly: true },
    ...['e', 'f'].map((specifier) => ({ specifier, typeOnly: false })),
    { specifier: 'g', typeOnly: true },
    { specifier: 'h', typeOnly: false },
  ])
})
