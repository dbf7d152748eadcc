import { describe, expect, it } from 'vitest'
import type { Columns } from '../../lib/core/dataset.ts'
import { ConfigError } from '../../lib/core/errors.ts'
import { checkTables, checkTarget, type LoadedDataset } from '../../lib/load/check-target.ts'
import { append, type Load, merge, replace, replacePartition } from '../../lib/load/targets.ts'

const columns: Columns = { id: 'int64', name: 'text', share: 'float64', tags: 'list(text)', doc: 'json' }
const partitioned: LoadedDataset = { partitioned: true, fromChanges: false }
const whole: LoadedDataset = { partitioned: false, fromChanges: false }
const changes: LoadedDataset = { partitioned: false, fromChanges: true }

describe('checkTarget', () => {
  const good: [string, Load<string>, LoadedDataset][] = [
    ['replacePartition of a partitioned dataset', replacePartition('fct'), partitioned],
    ['replace of a whole one', replace('fct'), whole],
    ['append of changes', append('fct'), changes],
    ['merge of any', merge('fct', { key: ['id', 'name'] }), partitioned],
    ['an odd name', replace('select "x"; 漢字'), whole],
  ]
  it.each(good)('takes %s', (_name, target, dataset) => {
    expect(checkTarget(target, columns, dataset)).toBeUndefined()
  })

  const bad: [string, Load<string>, LoadedDataset, Columns, string][] = [
    [
      'replace of a partitioned dataset',
      replace('fct'),
      partitioned,
      columns,
      "replace('fct') on a partitioned dataset would leave only the last partition",
    ],
    [
      'replacePartition of a dataset without partitions',
      replacePartition('fct'),
      whole,
      columns,
      "replacePartition('fct') on a dataset without partitions has no partition to replace",
    ],
    [
      'append of what is not computed from changes',
      append('fct'),
      partitioned,
      columns,
      "append('fct') on a dataset that is not computed from changes would double its rows on a rerun",
    ],
    [
      'a misspelt merge key',
      merge('fct', { key: 'nmae' }),
      whole,
      columns,
      'merge into "fct" has no key column "nmae"; did you mean "name"?',
    ],
    [
      'a missing merge key',
      merge('fct', { key: 'customer' }),
      whole,
      columns,
      'merge into "fct" has no key column "customer"; there are id, name, share, tags, doc',
    ],
    ...(['share', 'tags', 'doc'] as const).map((key): [string, Load<string>, LoadedDataset, Columns, string] => [
      `a merge key of type ${columns[key]}`,
      merge('fct', { key: ['id', key] }),
      whole,
      columns,
      `merge into "fct" cannot have the key column "${key}" of type ${columns[key]}; two equal values may differ there`,
    ]),
    [
      'a column of the warehouse’s own',
      replace('fct'),
      whole,
      { _Load: 'text' },
      'column "_Load" cannot be loaded into "fct": the warehouse adds a column of that name itself',
    ],
    [
      'a table of the warehouse’s own',
      replace('_millrace_tokens'),
      whole,
      columns,
      'table "_millrace_tokens" is millrace\'s own: names that begin with _millrace are',
    ],
  ]
  it.each(bad)('refuses %s', (_name, target, dataset, given, message) => {
    expect(() => checkTarget(target, given, dataset)).toThrow(ConfigError)
    expect(() => checkTarget(target, given, dataset)).toThrow(message)
  })
})

describe('checkTables', () => {
  it('refuses two datasets that write the same table, whatever the case of its name', () => {
    expect(
      checkTables([
        { dataset: 'a', target: replace('x') },
        { dataset: 'b', target: replace('y') },
      ]),
    ).toBeUndefined()
    const twice = [
      { dataset: 'a', target: replace('Daily') },
      { dataset: 'b', target: merge('daily', { key: 'id' }) },
    ]
    expect(() => checkTables(twice)).toThrow(ConfigError)
    expect(() => checkTables(twice)).toThrow('table "daily" is written by both a and b')
    const [first] = twice
    expect(() => checkTables(first ? [first, { ...first, target: replace('DAILY') }] : [])).toThrow('table "DAILY" is written twice by a')
  })
})
