import { main, quietOnClosedPipe } from '../lib/cli/main.ts'
import { processSignals } from '../lib/cli/signals.ts'

quietOnClosedPipe(process.stdout)
quietOnClosedPipe(process.stderr)

const exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  folder: process.cwd(),
  signals: processSignals,
})
// Nothing that an engine or a connection may have left open keeps a finished command alive.
process.stdout.write('', () => process.exit(exitCode))
