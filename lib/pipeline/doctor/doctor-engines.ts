import duckdb from '@duckdb/node-bindings'
import { type Finding, fault, fine, looking, warning } from '../../core/finding.ts'
import { openDuckDB } from '../../engines/duckdb.ts'
import { EXTENSIONS, extensionPath, extensionsIn } from '../../engines/extensions.ts'
import { extensionFault } from '../../engines/install-extension.ts'
import { faultsOf, KNOWN_FAULTS } from '../../engines/known-faults.ts'
import { loadPolars } from '../../engines/polars.ts'

const AGAIN = 'put it in place: millrace setup'

/** Whether the engines load, hold off DuckDB's known faults, and have their extensions. `wanted`: a connection would use one. */
export async function engineFindings(temp: string, extensions: string, wanted: boolean): Promise<readonly Finding[]> {
  const found = await Promise.all([
    looking('duckdb', () => duckdbFindings(temp)),
    looking('polars', async () => {
      const pl = await loadPolars()
      const sum = pl
        .DataFrame({ n: [1, 2] })
        .select(pl.col('n').sum())
        .getColumn('n')
        .sum()
      return sum === 3 ? fine('polars', 'loads and counts') : fault('polars', `says that 1 + 2 is ${sum}`)
    }),
    ...EXTENSIONS.map((name) =>
      looking('extension', async (): Promise<Finding> => {
        const file = extensionsIn(extensions).file(name)
        if (file === undefined) {
          const where = `${name} is not at ${extensionPath(extensions, name)}`
          return wanted
            ? warning('extension', `${where}: PostgreSQL goes through COPY streams, slower`, AGAIN)
            : fine('extension', `${where}; only PostgreSQL would use it`)
        }
        const refused = await extensionFault(file)
        return refused === undefined
          ? fine('extension', `${name} is signed, and loads`)
          : fault('extension', `${name} does not load: ${refused}`, { advice: AGAIN })
      }),
    ),
  ])
  return found.flat()
}

async function duckdbFindings(temp: string): Promise<readonly Finding[]> {
  const db = await openDuckDB({ memoryBytes: 128 * 2 ** 20, threads: 1, temp })
  try {
    const had = await faultsOf(db)
    const held = KNOWN_FAULTS.filter((each) => !had.includes(each)).map(({ issue }) => issue)
    return [
      fine('duckdb', `${duckdb.library_version()} loads`),
      ...(held.length > 0 ? [fine('known faults', `${held.join(', ')}: held off, each tried just now`)] : []),
      ...had.map(({ issue, what }) =>
        fault('known faults', `${issue}: ${what}`, { advice: 'do not trust results of this build; report it to millrace' }),
      ),
    ]
  } finally {
    db.close()
  }
}
