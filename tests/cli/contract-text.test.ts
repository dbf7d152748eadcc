import { expect, test } from 'vitest'
import { checkedText, contractText } from '../../lib/cli/contract-text.ts'
import type { CheckedContract } from '../../lib/pipeline/define/check-contracts.ts'
import { exportOf } from '../export/names.ts'

test('contractText says of every value and of the file how it is written', () => {
  const columns = {
    ...{ id: 'uint8', paid: 'boolean', amount: 'decimal(9,2)', ratio: 'float64', share: 'float32', tag: 'uuid' },
    ...{ data: 'json', raw: 'bytes', day: 'date', clock: 'time', at: 'timestamp', moment: 'timestamptz', span: 'interval' },
  } as const
  const target = exportOf('a.csv', {
    ...{ columns, orderBy: ['-id', 'day'], notNull: ['id'], booleans: ['1', '0'], decimalPoint: ',', round: { share: 1 } },
    ...{ dateFormat: '%d.%m.%Y', zone: 'Europe/Warsaw', null: 'NULL', header: false, quoting: 'all', escape: '\\' },
    ...{ encoding: 'utf-16le', byteOrderMark: true, compression: 'gzip', split: { rows: 1000 } },
  })
  expect(contractText({ pipeline: 'p', dataset: 'd', export: target, partition: undefined }, false)).toBe(`a.csv (csv), version 1: d of p

column  type          NULL    as delivered
──────  ────────────  ──────  ───────────────────────────────────────────────────────
id      uint8         never   digits
paid    boolean       may be  1, 0
amount  decimal(9,2)  may be  2 decimal places, a comma before them
ratio   float64       may be  as many decimal places as it takes, a comma before them
share   float32       may be  1 decimal place, a comma before them
tag     uuid          may be  as it is
data    json          may be  JSON
raw     bytes         may be  hexadecimal
day     date          may be  %d.%m.%Y
clock   time          may be  ISO 8601
at      timestamp     may be  ISO 8601
moment  timestamptz   may be  ISO 8601 in Europe/Warsaw
span    interval      may be  1 year 2 months 3 days 04:05:06.7

order        -id, day
header       none
delimiter    ","
quotes       " around all values, \\ before one inside
null         NULL, without quotes
line end     "\\n"
encoding     utf-16le with a byte-order mark
compression  gzip
files        one for each 1,000 rows
formulas     raw
zero rows    headerOnly`)
})

test.each<[CheckedContract['delivered'], string]>([
  [[], 'nothing is delivered yet'],
  [[{ partition: null, at: '', version: 1 }], 'version 1 is delivered'],
  [[{ partition: 'b', at: '', version: null }], 'what is delivered for b does not say its contract'],
])('checkedText of %j', (delivered, text) => {
  expect(checkedText({ pipeline: 'p', dataset: 'd', export: 'a.csv', version: 2, delivered }, false)).toBe(`✓ a.csv: version 2; ${text}`)
})
