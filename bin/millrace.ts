import { createRequire } from 'node:module'
import yargs from 'yargs'

const { version } = createRequire(import.meta.url)('millrace/package.json') as { version: string }

await yargs(process.argv.slice(2)).scriptName('millrace').usage('$0 <command>').version(version).help().strict().parseAsync()
