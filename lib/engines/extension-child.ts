import { DuckDBInstance } from '@duckdb/node-api'

/**
 * Runs statements on an engine whose `extension_directory` is the first argument, then ends: a process of its own, since an INSTALL that waits for a silent server cannot be interrupted, and a library that
 * was loaded stays. The error's first line goes to standard error.
 */
const [folder = '', ...statements] = process.argv.slice(2)
try {
  const instance = await DuckDBInstance.create(':memory:', {
    extension_directory: folder,
    // A service has no HOME, and INSTALL wants one, whatever it does with it.
    home_directory: folder,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_unsigned_extensions: 'false',
  })
  const connection = await instance.connect()
  for (const statement of statements) await connection.run(statement)
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
