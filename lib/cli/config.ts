import { describeConfig } from '../config/describe.ts'
import { loadConfig } from '../config/load.ts'
import { columnsOf } from '../observe/table.ts'
import { formatBytes, formatDuration } from '../observe/units.ts'
import { command } from './command.ts'

/** `millrace config`: what is in force for a profile, without secrets. */
export const config = command({
  name: 'config',
  describe: 'print what is in force for a profile, without secrets',
  options: {},
  example: ['millrace config --profile prod', 'see which connections, stores and limits a profile has, and which secrets are missing'],
  handler: async (_, { folder, profile }) => {
    const described = describeConfig(await loadConfig(folder, profile))
    const { limits, now } = described
    const blocks = [
      columnsOf([
        ['profile', described.profile],
        ['file', described.file],
        ['state', described.state],
        ['now', now === undefined ? "the machine's clock" : typeof now === 'string' ? now : settingsText(now)],
        ['limits', `${formatBytes(limits.memoryBytes)} and ${limits.threads} threads for each engine`],
        ['', `reader ${formatBytes(limits.readerMemoryBytes)}, ${formatDuration(limits.readerTimeoutMs)} for each read`],
        ['', `${formatBytes(described.cacheBytes)} kept of what lands in a bucket`],
      ]),
      ...Object.entries(described.connections).map(([name, each]) => connectionText(`connection ${name}`, each)),
      ...(['warehouse', 'landing', 'store'] as const).map((name) => connectionText(name, described[name])),
      ...Object.entries(described.notify).map(([name, each]) => connectionText(`notify ${name}`, each)),
    ]
    return { text: blocks.join('\n\n'), json: described, exitCode: 0 }
  },
})

function connectionText(title: string, { kind, location, settings }: ReturnType<typeof describeConfig>['warehouse']): string {
  const rows = flat({ ...(location !== undefined && { location }), ...settings })
  return [`${title} (${kind})`, ...(rows.length > 0 ? [columnsOf(rows, [], '  ')] : [])].join('\n')
}

/** Nested settings as `auth.token` → text. */
function flat(value: Readonly<Record<string, unknown>>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, each]) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? flat(each as Readonly<Record<string, unknown>>, `${prefix}${key}.`)
      : each === undefined
        ? []
        : [[`${prefix}${key}`, typeof each === 'string' ? each : JSON.stringify(each)] satisfies [string, string]],
  )
}

const settingsText = (now: Readonly<Record<string, string>>) =>
  Object.entries(now)
    .map(([pipeline, at]) => `${pipeline} ${at}`)
    .join(', ')
