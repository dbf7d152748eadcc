/** One column of the table that travels: its type, and two values by the letter at each end of the road. */
export interface Travelling {
  readonly type: string
  /** As the CSV source has them, without quotes. */
  readonly csv: readonly [string, string]
  /** As the NDJSON source has them: JSON. Default: the CSV's text as a JSON string. */
  readonly json?: readonly [string, string]
  /** As the delivered CSV must have them, without quotes. Default: as in the source. */
  readonly delivered?: readonly [string, string]
  /** DuckDB's text of them, in UTC: of the warehouse's, and of the delivered file's read back. Default: as delivered. */
  readonly duckdb?: readonly [string, string]
  /** The SQL that makes a value of its delivered text `v` again. Default: a cast. */
  readonly back?: (v: string) => string
}

const HARD_TEXT = 'naïve 😀 "quoted", a|b; \\N\r\nsecond line\n#3'
const number = (a: string, b: string) => ({ csv: [a, b], json: [a, b] }) as const

/**
 * Every carried type with values that are easily lost: the ends of ranges, digits that no double has, NaN, infinities and -0.0, texts that look like nulls, numbers, quotes and line ends, the hour that a clock repeats,
 * sub-millisecond times, JSON whose order counts. Written by hand: nothing here is computed.
 */
export const TRAVELLING: Readonly<Record<string, Travelling>> = {
  flag: { type: 'boolean', ...number('true', 'false') },
  i8: { type: 'int8', ...number('-128', '127') },
  i16: { type: 'int16', ...number('-32768', '32767') },
  i32: { type: 'int32', ...number('-2147483648', '2147483647') },
  i64: { type: 'int64', ...number('-9223372036854775808', '9223372036854775807') },
  big: { type: 'int64', ...number('9223372036854775807', '9223372036854775807') },
  u8: { type: 'uint8', ...number('0', '255') },
  u16: { type: 'uint16', ...number('0', '65535') },
  u32: { type: 'uint32', ...number('0', '4294967295') },
  u64: { type: 'uint64', ...number('9007199254740993', '18446744073709551615') },
  f32: { type: 'float32', csv: ['NaN', '-3.4028235e38'], delivered: ['NaN', '-3.4028235e+38'], duckdb: ['nan', '-3.4028235e+38'] },
  f64: { type: 'float64', csv: ['-Infinity', '5e-324'], duckdb: ['-inf', '5e-324'] },
  tenth: { type: 'float64', csv: ['0.1', '-0.0'] },
  money: { type: 'decimal(5,2)', csv: ['1.10', '-999.99'] },
  long: { type: 'decimal(38,10)', csv: ['9999999999999999999999999999.9999999999', '-0.0000000001'] },
  word: { type: 'text', csv: ['', HARD_TEXT] },
  nulls: { type: 'text', csv: ['\\N', 'NULL'] },
  digits: { type: 'text', csv: ['007', ' 1e5 '] },
  raw: { type: 'bytes', csv: ['\\x00\\xFF', ''], delivered: ['00ff', ''], duckdb: ['\\x00\\xFF', ''], back: (v) => `unhex(${v})` },
  day: { type: 'date', csv: ['0001-01-01', '2024-02-29'] },
  never: { type: 'date', csv: ['infinity', '-infinity'] },
  clock: { type: 'time', csv: ['00:00:00', '23:59:59.999999'] },
  naive: {
    type: 'timestamp',
    csv: ['0001-01-01 00:00:00.000001', '2013-11-03 01:30:00'],
    delivered: ['0001-01-01T00:00:00.000001', '2013-11-03T01:30:00'],
    duckdb: ['0001-01-01 00:00:00.000001', '2013-11-03 01:30:00'],
  },
  instant: {
    type: 'timestamptz',
    csv: ['2013-11-03T01:30:00-04:00', '2013-11-03T01:30:00.123456-05:00'],
    delivered: ['2013-11-03T05:30:00Z', '2013-11-03T06:30:00.123456Z'],
    duckdb: ['2013-11-03 05:30:00+00', '2013-11-03 06:30:00.123456+00'],
  },
  span: { type: 'interval', csv: ['1 year 2 months -3 days 00:00:00.000001', '00:00:00'] },
  id128: { type: 'uuid', csv: ['ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000001'] },
  doc: {
    type: 'json',
    csv: ['{"b":[1,null,"x"],"a":9007199254740993,"é":{}}', '"null"'],
    json: ['{"b":[1,null,"x"],"a":9007199254740993,"é":{}}', '"null"'],
  },
  ints: {
    type: 'list(int64)',
    csv: ['[9007199254740993, null]', '[]'],
    json: ['[9007199254740993, null]', '[]'],
    delivered: ['[9007199254740993,null]', '[]'],
    duckdb: ['[9007199254740993, NULL]', '[]'],
    back: fromJson('BIGINT[]'),
  },
  amounts: {
    type: 'list(decimal(10,3))',
    csv: ['["1234567.891", "-0.001"]', '[null]'],
    json: ['["1234567.891", "-0.001"]', '[null]'],
    delivered: ['[1234567.891,-0.001]', '[null]'],
    duckdb: ['[1234567.891, -0.001]', '[NULL]'],
    back: fromJson('DECIMAL(10,3)[]'),
  },
  record: {
    type: 'struct(a int32, "b c" list(timestamptz))',
    csv: ['{"a": 1, "b c": ["2018-01-01T02:00:00+02:00"]}', '{"a": null, "b c": []}'],
    json: ['{"a": 1, "b c": ["2018-01-01T02:00:00+02:00"]}', '{"a": null, "b c": []}'],
    delivered: ['{"a":1,"b c":["2018-01-01T00:00:00Z"]}', '{"a":null,"b c":[]}'],
    duckdb: [`{'a': 1, 'b c': ['2018-01-01 00:00:00+00']}`, `{'a': NULL, 'b c': []}`],
    back: fromJson('STRUCT(a INTEGER, "b c" TIMESTAMPTZ[])'),
  },
  deep: {
    type: 'list(struct(u uuid, j json))',
    csv: ['[{"u": "00000000-0000-0000-0000-000000000001", "j": {"k":[1,"y"]}}]', '[]'],
    json: ['[{"u": "00000000-0000-0000-0000-000000000001", "j": {"k":[1,"y"]}}]', '[]'],
    delivered: ['[{"u":"00000000-0000-0000-0000-000000000001","j":{"k":[1,"y"]}}]', '[]'],
    duckdb: [`[{'u': 00000000-0000-0000-0000-000000000001, 'j': '{"k":[1,"y"]}'}]`, '[]'],
    back: fromJson('STRUCT(u UUID, j JSON)[]'),
  },
}

/** The sum of `big`, which no int64 holds. */
export const TOTAL = '18446744073709551614'

function fromJson(type: string): (v: string) => string {
  return (v) => `CAST(CAST(${v} AS JSON) AS ${type})`
}
