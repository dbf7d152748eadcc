import type { DuckDB } from './duckdb.ts'

/** A fault of DuckDB that `openDuckDB` holds off, with the smallest case that shows it. */
export interface KnownFault {
  readonly issue: string
  readonly what: string
  /** Statements that make temporary tables. */
  readonly setup: readonly string[]
  /** Gives one number. */
  readonly query: string
  /** What DuckDB's own settings give. */
  readonly wrong: number
  readonly right: number
}

const LESS = '(NOT flag) AND (substring(word FROM -4294967296) <> word)'

export const KNOWN_FAULTS: readonly KnownFault[] = [
  {
    issue: 'duckdb#25213',
    what: 'join_elimination drops rows',
    setup: [
      'CREATE TEMP TABLE many AS SELECT * FROM (VALUES (1), (1), (2), (3)) m(k)',
      'CREATE TEMP TABLE probe AS SELECT * FROM (VALUES (1), (1), (2), (3), (4), (NULL), (2), (3)) p(k)',
    ],
    query:
      'SELECT count(*) AS n FROM probe LEFT JOIN (SELECT k, unnest([1, 2, 3]) AS e FROM (SELECT DISTINCT k FROM many)) t ON t.k = probe.k',
    wrong: 8,
    right: 20,
  },
  {
    issue: 'duckdb#24624',
    what: 'common_subplan drops rows',
    setup: ['CREATE TEMP TABLE flags AS SELECT false AS flag', "CREATE TEMP TABLE words AS SELECT 'a' AS word"],
    query: `SELECT count(*) AS n FROM (
      SELECT * FROM flags LEFT JOIN words ON true WHERE NOT (${LESS}) UNION ALL SELECT * FROM flags LEFT JOIN words ON true WHERE (${LESS}) IS NULL)`,
    wrong: 0,
    right: 1,
  },
  {
    issue: 'duckdb#23588',
    what: 'top_n_window_elimination drops rows',
    setup: [
      "CREATE TEMP TABLE l AS SELECT 1 AS id, 1 AS k, 'x' AS p",
      'CREATE TEMP TABLE r AS SELECT * FROM (VALUES (1, 20), (1, 10)) r(k, s)',
      'CREATE TEMP TABLE top AS SELECT id, p FROM (SELECT l.id, l.p, r.s FROM l JOIN r ON l.k = r.k) QUALIFY row_number() OVER (ORDER BY s DESC) <= 2',
    ],
    query: 'SELECT count(*) AS n FROM top',
    wrong: 1,
    right: 2,
  },
]

/** The known faults that an engine has. */
export async function faultsOf(db: DuckDB): Promise<readonly KnownFault[]> {
  const had: KnownFault[] = []
  for (const each of KNOWN_FAULTS) {
    for (const statement of each.setup) await db.run(statement)
    const [row] = await db.meta(each.query)
    if (Number(row?.n) !== each.right) had.push(each)
  }
  return had
}
