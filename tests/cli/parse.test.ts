import { describe, expect, test } from 'vitest'
import { kebab } from '../../lib/cli/command.ts'
import { commands } from '../../lib/cli/commands.ts'
import { parse, parsePlain } from '../../lib/cli/parse.ts'
import { parseWithYargs } from '../../lib/cli/usage.ts'
import { ConfigError } from '../../lib/core/errors.ts'

const names = Object.keys(commands)
const failure = (...argv: string[]): Promise<ConfigError> =>
  parse(argv).then(
    () => expect.unreachable('parse did not fail'),
    (error: ConfigError) => error,
  )

describe('parse', () => {
  test('gives the command, its options by name and the common ones', async () => {
    expect(await parse(['--profile', 'prod', 'run', 'quakes', '--from', '2018', '--keep-going', '--json', '--project=/x'])).toMatchObject({
      command: { name: 'run' },
      options: { pipeline: 'quakes', from: '2018', keepGoing: true, force: false, refresh: false },
      json: true,
      profile: 'prod',
      project: '/x',
    })
  })

  test('leaves out what was not given', async () => {
    const parsed = await parse(['run', 'quakes'])
    expect(parsed).toMatchObject({ json: false })
    expect(parsed).not.toHaveProperty('profile')
    expect((parsed as { options: object }).options).toEqual({
      pipeline: 'quakes',
      due: false,
      keepGoing: false,
      force: false,
      refresh: false,
      stale: false,
    })
  })

  test('keeps a partition name that looks like a number as text', async () => {
    expect(await parse(['run', '2018', '--partition', '007'])).toMatchObject({ options: { pipeline: '2018', partition: '007' } })
    expect(await parse(['show', 'a', 'b', '--rows', '5'])).toMatchObject({ options: { rows: 5 } })
  })

  test('gives the version', async () => {
    expect(await parse(['list', '--version'])).toEqual({ print: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })

  test.each(names)('gives help of %s with its example and every option', async (name) => {
    const command = await commands[name]?.()
    const parsed = await parse([name, '--help'], 200)
    const help = 'print' in parsed ? parsed.print : ''
    expect(command?.name).toBe(name)
    expect(command?.example[0]).toMatch(new RegExp(`^millrace ${name}\\b`))
    expect(help).toContain(command?.example[0])
    expect(help).toContain(command?.example[1])
    expect(help).toContain(command?.describe)
    for (const [key, spec] of Object.entries(command?.options ?? {})) {
      expect(help).toContain(spec.positional ? kebab(key) : `--${kebab(key)}`)
      expect(help).toContain(spec.describe)
    }
    expect(help).toContain('--json')
  })

  test('gives a help that names every command', async () => {
    const parsed = await parse(['--help'], 200)
    const help = 'print' in parsed ? parsed.print : ''
    for (const name of names) expect(help).toContain(`millrace ${name}`)
  })

  test.each([
    [['rnu', 'quakes'], 'unknown command "rnu"; did you mean "run"?', 'there are: list, plan'],
    [['qqqqqq'], 'unknown command "qqqqqq"', 'there are: list, plan'],
    [['constructor'], 'unknown command "constructor"', 'there are'],
    [['run', 'quakes', '--partitoin', 'x'], 'unknown option "partitoin"; did you mean --partition?', 'usage: millrace run [pipeline]'],
    [['list', 'extra'], 'unknown argument "extra"', 'usage: millrace list'],
    [['run', 'quakes', '--wholly-unknown'], 'unknown argument "wholly-unknown"', 'usage: millrace run'],
    [['plan'], 'plan is missing an argument', 'usage: millrace plan <pipeline>'],
    [['run', 'quakes', '--partition'], '--partition needs a value', 'usage'],
    [
      ['run', 'quakes', '--only', 'ingest'],
      'only is "ingest"; expected "extract", "land", "transform", "check", "load", "export"',
      'usage',
    ],
    [['exp', 'start', 'x'], 'action is "start"; expected "run"', 'usage: millrace exp <action> [name]'],
    [['show', 'a', 'b', '--rows', 'many'], '--rows is not a number', undefined],
    [['run', 'quakes', '--partition', 'a', '--partition', 'b'], '--partition is given 2 times; it takes one value', 'usage: millrace run'],
    [['run', 'quakes', '--from=a', '--to', 'c', '--from', 'a'], '--from is given 2 times; it takes one value', 'usage'],
    [['show', 'a', 'b', '--rows', '1', '--rows', '2'], '--rows is given 2 times; it takes one value', 'usage'],
    [['list', '--profile', 'a', '--profile', 'b'], '--profile is given 2 times; it takes one value', 'usage'],
    [
      ['contract', 'diff', 'a', '--against', 'b', '--against', 'c'],
      '--against is given 2 times; it takes one value',
      'usage: millrace contract',
    ],
    [['list', '--json=foo'], '--json takes no value: it is given, or it is not', 'usage: millrace list'],
    [['run', 'quakes', '--keep-going=no'], '--keep-going takes no value: it is given, or it is not', 'usage: millrace run'],
    [[], 'no command', 'millrace --help'],
  ] as const)('refuses %j', async (argv, message, hint) => {
    const error = await failure(...argv)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toBe(message)
    if (hint) expect(error.hint).toContain(hint)
  })
})

const LINES = [
  'list',
  'list --json',
  '--json list',
  'config --profile=prod',
  '--profile prod config --project /x',
  'plan quakes --frozen',
  'plan --discover quakes',
  'run quakes --from 2018 --to 2019-02 --keep-going --force',
  'run quakes --only=load --refresh',
  'run 007 --partition 2018',
  'run --due',
  'run quakes --due --keep-going',
  'due quakes --json',
  'status',
  'status quakes',
  'show a b --rows 5',
  'show a --rows=5 b --partition p',
  'exp run late-evenings',
  'ledger rebuild',
  'prune --dry-run',
  'prune quakes --dry-run --json',
  'init a-b_c9',
  'run Łódź',
  'contract check',
  'contract show rentals rentals/{partition}.csv --json',
  'contract diff rentals --against=a.json',
  'contract verify --expect a.json --expect=b rentals',
  'contract verify --expect a.json',
  'run quakes --force --force --json --json',
]
test.each(LINES)('parsePlain reads as yargs does: millrace %s', async (line) => {
  const argv = line.split(' ')
  const name = argv.find((word) => Object.hasOwn(commands, word)) ?? ''
  const command = await commands[name]?.()
  if (!command) expect.unreachable(`no command in ${line}`)
  const plain = parsePlain(command, argv)
  expect(plain).toBeDefined()
  expect(plain).toEqual(await parseWithYargs(command, argv, 100))
})

test.each([
  'plan',
  'run a b',
  'run a --from',
  'run a --only x',
  'show a b --rows x',
  'show a b --rows 1.5',
  'exp go x',
  'list --help',
  'list --version',
  'run a --nope',
  'run a --from=',
  'list --json=no',
  'run quakes --from a --from b',
  'run -- quakes',
  'contract verify --expect a --expect=',
  'contract diff a --against b --against c',
])('parsePlain leaves to yargs: millrace %s', async (line) => {
  const argv = line.split(' ')
  const command = await commands[argv[0] ?? '']?.()
  expect(command && parsePlain(command, argv)).toBeUndefined()
})
