import { dirname, resolve } from 'node:path'
import { extensionsFolder, findConfig } from '../config/load.ts'
import { EXTENSIONS } from '../engines/extensions.ts'
import type { Installation } from '../engines/install-extension.ts'
import { command } from './command.ts'

/** `millrace setup`: what is not in the npm package is put in place, so that no run ever fetches anything. */
export const setup = command({
  name: 'setup',
  describe: "put DuckDB's signed extensions in place; no run ever fetches one",
  options: {
    quick: { type: 'boolean', describe: 'only look whether they are there, and try nothing again within an hour of a failure (for make)' },
    from: {
      type: 'string',
      value: 'repository',
      describe: "a mirror of DuckDB's extension repository, a URL or a folder; default DuckDB's own",
    },
  },
  example: ['millrace setup', 'get what reads and writes PostgreSQL fastest: from DuckDB, else by pip or uv'],
  handler: async ({ quick, from }, { folder, signal }) => {
    const config = findConfig(folder)
    const extensions = extensionsFolder(config === undefined ? resolve(folder) : dirname(config))
    const { setUpExtension } = await import('../engines/set-up-extension.ts')
    const found: Installation[] = []
    for (const name of EXTENSIONS)
      found.push(await setUpExtension(extensions, name, { quick, signal, ...(from !== undefined && { repository: from }) }))
    const told = quick ? found.filter(({ state }) => state !== 'present') : found
    return { text: told.map(textOf).join('\n'), json: { folder: extensions, extensions: found }, exitCode: 0 }
  },
})

function textOf(found: Installation): string {
  if (found.state !== 'missing') return `${found.name} is ${found.state === 'present' ? 'in place' : 'installed'}: ${found.file}`
  return `${found.name} is missing, so PostgreSQL goes through COPY streams, slower (${found.reasons.join('; ')}); to try again: millrace setup`
}
