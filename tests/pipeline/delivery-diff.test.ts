import { expect, test } from 'vitest'
import { sampleOf } from '../../lib/pipeline/deliver/delivery-diff.ts'

test('sampleOf names the file of each export and partition, and none twice', () => {
  const taken = new Set<string>()
  const named = (path: string, partition: string | null) => sampleOf('/tmp/rows.parquet', { path, partition }, taken)
  expect(named('revenue/{partition}.csv', '2018-02')).toBe('/tmp/rows-revenue-2018-02.parquet')
  expect(named('names.csv', null)).toBe('/tmp/rows-names.parquet')
  expect(named('names.ndjson', null)).toBe('/tmp/rows-names-2.parquet')
  expect(named('{partition}/names.csv', 'Łódź / east')).toBe('/tmp/rows-Łódź-east-names.parquet')
})
