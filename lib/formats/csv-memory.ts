/** Where the kernel of the CSV reader has what in its memory: settings (i32), sums (i64), then one descriptor for each column, and behind them texts and the bytes that are read. */
export const AT = {
  delimiter: 64,
  quote: 68,
  escape: 72,
  /** Whether lines end in CR LF. */
  wide: 76,
  point: 80,
  nullText: 84,
  nullBytes: 88,
  yesText: 92,
  yesBytes: 96,
  noText: 100,
  noBytes: 104,
  columns: 108,
  /** How many columns are the key, and where the addresses of their descriptors stand. */
  keys: 112,
  keyList: 116,
  /** Where values without their escapes go. */
  scratch: 120,
  fault: 124,
  faultColumn: 128,
  /** A byte for each month. */
  monthDays: 132,
  rows: 144,
  content: 152,
  order: 160,
  descriptors: 192,
} as const

/** A column's descriptor: what it is, what the record at hand has there, and the sums. */
export const COLUMN = { bytes: 48, kind: 0, quoted: 4, scale: 8, state: 12, hash: 16, sum: 24, nulls: 32, empty: 40 } as const

/** What the record at hand has in a column, where that is counted. */
export const STATE = { value: 0, isNull: 1, empty: 2 } as const

export const KIND = { text: 0, whole: 1, decimal: 2, date: 3, timestamp: 4, timestamptz: 5, boolean: 6 } as const

export const FAULT = { none: 0, tooMany: 1, tooFew: 2, stray: 3, unquoted: 4 } as const

/** What DuckDB's `hash` multiplies by, seeds a text with, and has for NULL. */
export const MIX = 0xd6e8feb86659fd93n
export const TEXT_SEED = 0xe17a1465n
export const TEXT_LENGTH = 0xc6a4a7935bd1e995n
export const NULL_HASH = 0xbf58476d1ce4e5b9n
