/** A value of each type as SQL, with values that lose something in many formats. */
export const EVERY_TYPE: readonly (readonly [type: string, sql: string])[] = [
  ['boolean', 'true'],
  ['int8', '-128'],
  ['int64', '9007199254740993'],
  ['uint64', '18446744073709551615'],
  ['float32', '0.1'],
  ['float64', '0.1'],
  ['decimal(4,2)', '-99.90'],
  ['decimal(38,10)', '1234567890123456789012345678.0123456789'],
  ['text', "'=1+1 <&> \"é\" 😀 ' || chr(9) || chr(10) || 'x  '"],
  ['bytes', "'\\xAA\\x00b'"],
  ['date', "'2018-02-04'"],
  ['time', "'05:06:07.123456'"],
  ['timestamp', "'2018-02-04 05:06:07.123456'"],
  ['timestamptz', "'2018-02-04 05:06:07.123456+00'"],
  ['interval', "'1 year 2 months 3 days 04:05:06.000007'"],
  ['uuid', "'5bdeafb0-31a6-4c5c-bd6e-2f4bc6c1ad02'"],
  ['json', `'{"a": [1.10, null]}'`],
  ['list(int64)', '[1, NULL, 9007199254740993]'],
  ['list(decimal(20,3))', '[0.001, NULL]'],
  ['struct(a date, "b c" struct(d uuid, e text))', "{'a': '2018-02-04', 'b c': {'d': NULL, 'e': 'x'}}"],
]

/** Columns `id`, `c0`, `c1`, … of all these types. */
export const everyColumn: Readonly<Record<string, string>> = {
  id: 'int32',
  ...Object.fromEntries(EVERY_TYPE.map(([type], i) => [`c${i}`, type])),
}

/** Three rows: of values, of NULLs, of values again; shuffled. */
export const everySelect = `SELECT 2 AS id, ${EVERY_TYPE.map((_, i) => `NULL AS c${i}`).join(', ')} UNION ALL SELECT unnest([3, 1]), ${EVERY_TYPE.map(([, sql], i) => `${sql} AS c${i}`).join(', ')}`
