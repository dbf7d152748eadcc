import { describe, expect, test } from 'vitest'
import { CheckError } from '../../lib/core/errors.ts'
import { temporaryFolder } from '../kit/context.ts'
import { datasetOf } from '../kit/dataset.ts'
import { outcomeOf, run } from './delivering.ts'
import { exportOf, freshStore, requestOf } from './kit.ts'

describe('deliver holds that orderBy is a total order', () => {
  const columns = { a: 'int64', b: 'text' } as const
  const target = exportOf('d/{partition}.csv', { columns, orderBy: ['a', '-b'] })
  const of = async (select: string) =>
    run(requestOf(await datasetOf(temporaryFolder(), 'd', columns, select), { export: target }), freshStore())

  test('and names the first rows that repeat', async () => {
    const failed = of("SELECT * FROM (VALUES (2, 'x'), (1, 'y'), (2, 'x'), (2, 'x'), (3, NULL), (3, NULL)) AS t(a, b)")
    await expect(failed).rejects.toBeInstanceOf(CheckError)
    await expect(failed).rejects.toThrow('orderBy (a, -b) is no total order: 3 of 6 rows repeat the one before, first a=2 b=x')
  })

  test('where NULL is a value like others', async () => {
    expect(await outcomeOf(of("SELECT * FROM (VALUES (NULL, NULL), (NULL, 'x'), (1, NULL)) AS t(a, b)"))).toBe('delivered')
    await expect(of('SELECT NULL::BIGINT AS a, NULL::VARCHAR AS b FROM range(2)')).rejects.toThrow('first a=NULL b=NULL')
    expect(await outcomeOf(of('SELECT NULL::BIGINT AS a, NULL::VARCHAR AS b'))).toBe('delivered')
  })

  test('finding one row of half a million, whatever their order', async () => {
    const rows = 'SELECT range AS a, NULL::VARCHAR AS b FROM range(500000)'
    const one = of(`SELECT * FROM (${rows} UNION ALL SELECT 373737, NULL) ORDER BY hash(a)`)
    await expect(one).rejects.toThrow('1 of 500001 rows repeat the one before, first a=373737 b=NULL')
  })
})
