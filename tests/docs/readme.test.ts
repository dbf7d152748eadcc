import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it, test } from 'vitest'
import { kebab } from '../../lib/cli/command.ts'
import { commands } from '../../lib/cli/commands.ts'
import { GLOBAL } from '../../lib/cli/parsed.ts'
import * as errors from '../../lib/core/errors.ts'
import { blocksOf, commandsOf } from './blocks.ts'

const root = new URL('../../', import.meta.url).pathname
const pages = ['README.md', ...globSync('docs/*.md', { cwd: root })].toSorted()
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Inline code of a page, blocks left out, with the line that it stands in. */
function spansOf(markdown: string): { readonly span: string; readonly line: string }[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '')
  return prose
    .split('\n')
    .flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, span = '']) => ({ span: span.replaceAll('\\|', '|'), line })))
}

/** Every command line that a page shows: in shell blocks and in inline code. */
function linesOf(markdown: string): string[] {
  const shells = blocksOf(markdown).filter(({ language }) => ['sh', 'bash', 'console', ''].includes(language))
  const typed = shells.flatMap(({ language, text }) =>
    text.includes('$ ') ? commandsOf(text).map(({ command }) => command) : language === 'sh' ? text.split('\n') : [],
  )
  return [...typed, ...spansOf(markdown).map(({ span }) => span)].map((line) => line.replace(/\s+#.*$/, '').trim())
}

it.each(pages)('%s: relative links lead somewhere, anchors too', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link = '']) => link)
  const broken = links.filter((link) => {
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, file))) return true
    return anchor !== undefined && !anchorsOf(read(file)).has(anchor)
  })
  expect(broken).toEqual([])
})

/** The anchors that a reader of Markdown gives the headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of markdown.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)) {
    const plain = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(plain) ?? 0
    seen.set(plain, before + 1)
    anchors.add(before === 0 ? plain : `${plain}-${before}`)
  }
  return anchors
}

it.each(pages)('%s: every make target that it names exists', (page) => {
  const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name))
  for (const name of readdirSync(join(root, 'pipelines'))) targets.add(name)
  const named = linesOf(read(page)).flatMap((line) => /^make ([a-z][a-z-]*)/.exec(line)?.[1] ?? [])
  if (page === 'README.md') expect(named).toEqual(expect.arrayContaining(['demo', 'test', 'quakes', 'help']))
  expect(named.filter((name) => !targets.has(name))).toEqual([])
})

it.each(pages)('%s: every millrace command and option that it names exists', async (page) => {
  const known = new Map<string, ReadonlySet<string>>()
  const general = ['help', 'version', ...Object.keys(GLOBAL)]
  for (const [name, load] of Object.entries(commands))
    known.set(name, new Set([...general, ...Object.keys((await load()).options).map(kebab)]))
  const all = new Set([...known.values()].flatMap((options) => [...options]))
  const wrong = linesOf(read(page)).flatMap((line) => {
    const told = /(?:^|[;&|]\s*|=\w+ )(?:npx )?(?:millrace|node bin\/millrace\.js) +([a-z-]+)/.exec(line)?.[1]
    if (told !== undefined && !told.startsWith('-') && !known.has(told)) return [`${line}: no command ${told}`]
    const bare = told === undefined && /^--[a-z]/.test(line)
    const options = told === undefined ? (bare ? all : undefined) : (known.get(told) ?? all)
    const flags = [...line.matchAll(/(?<=^|[\s[|])--([a-z-]+)/g)].map(([, flag = '']) => flag)
    return options ? flags.filter((flag) => !options.has(flag)).map((flag) => `${line}: no option --${flag}`) : []
  })
  expect(wrong).toEqual([])
})

test('README.md names every millrace command', () => {
  const text = spansOf(read('README.md')).map(({ span }) => span.replace(/^millrace /, '').split(' ')[0])
  expect(Object.keys(commands).filter((name) => !text.includes(name))).toEqual([])
})

test('README.md shows what stands in pipelines/quakes/pipeline.ts', () => {
  const excerpt = blocksOf(read('README.md')).find(({ language }) => language === 'ts')?.text ?? ''
  const words = (code: string) => code.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').match(/[\w$]+/g) ?? []
  const there = new Set(words(read('pipelines/quakes/pipeline.ts')))
  expect(words(excerpt).length).toBeGreaterThan(100)
  expect(words(excerpt).filter((word) => !there.has(word))).toEqual([])
})

it.each(pages)('%s: code of the road in it is TypeScript that names exports', (page) => {
  const exported = new Set([...read('lib/index.ts').matchAll(/\{([^}]*)\} from/g)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []))
  const imported = blocksOf(read(page)).flatMap(({ text }) =>
    [...text.matchAll(/import \{([^}]*)\} from '(?:#?millrace)'/g)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []),
  )
  expect(imported.filter((name) => !exported.has(name))).toEqual([])
})

test('docs/architecture.md names only files and folders that exist', () => {
  const everything = new Set(globSync(['lib/**', 'bin/**', 'tests/**', 'pipelines/**', 'scripts/**', 'bench/**', '*.ts'], { cwd: root }))
  const names = new Set([...everything].map((path) => path.split('/').at(-1) ?? ''))
  const spans = spansOf(read('docs/architecture.md'))
  const missing = spans.flatMap(({ span, line }) => {
    if (!/^[\w./-]+$/.test(span) || !(/\.(ts|js|mjs|sql)$/.test(span) || /^[\w-]+(\/[\w-]+)*\/$/.test(span))) return []
    // In the table of rooms a bare file name is one of that row's room.
    const room = /^\| `((?:lib|bin)\/[\w/]*)`/.exec(line)?.[1]
    const places = ['', 'lib/', ...(room ? [room] : [])].map((place) => join(root, place, span))
    const bare = !span.includes('/') && room === undefined && names.has(span)
    return bare || places.some((path) => existsSync(path)) ? [] : [span]
  })
  expect(spans.length).toBeGreaterThan(50)
  // What a project of its user has, or what a run writes.
  expect([...new Set(missing)].filter((span) => !['millrace.config.ts', 'schema.ts'].includes(span))).toEqual([])
})

test('docs/guide.md tells every exit code that an error has', () => {
  const codes = Object.values(errors).flatMap((each) => {
    if (typeof each !== 'function' || !(each.prototype instanceof errors.MillraceError)) return []
    return [new (each as unknown as new (message: string) => errors.MillraceError)('').exitCode]
  })
  const told = [...read('docs/guide.md').matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))
  expect(told).toEqual([...new Set([0, 1, ...codes])].toSorted((a, b) => a - b))
})
