/** What of DuckDB's strftime a strptime of Python and C knows by other letters. `%c`, `%x` and `%X` are ISO 8601 there, and of the locale here; `%g` is milliseconds, which `%f` reads. */
const OTHERWISE: Readonly<Record<string, string>> = {
  '%T': '%H:%M:%S',
  '%X': '%H:%M:%S',
  '%x': '%Y-%m-%d',
  '%c': '%Y-%m-%d %H:%M:%S',
  '%h': '%b',
  '%g': '%f',
}

/** Nanoseconds, names of zones, offsets without minutes, parts of ISO weeks: Python's strptime reads none of them as DuckDB writes them. */
const UNREADABLE = /%[nZzGVu]/

/** The pattern by which strptime reads what DuckDB's strftime writes by a format; undefined where there is none. */
export function strptimeOf(format: string): string | undefined {
  const pattern = format.replace(/%-?./gs, (code) => {
    const plain = code.replace('-', '')
    return OTHERWISE[plain] ?? plain
  })
  return UNREADABLE.test(pattern.replaceAll('%%', '')) ? undefined : pattern
}
