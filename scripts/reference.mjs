// Prints docs/reference.md: every export of lib/index.ts with its signature, docstring and fields, in the order of the road.
//   node scripts/reference.mjs [project folder] > docs/reference.md
// It reads the declarations that the compiler emits. Fails, naming them, when an export or one of its fields has no docstring.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const own = fileURLToPath(new URL('..', import.meta.url))

/** Headings in the order of the road, each with the files whose exports stand under it. */
const GROUPS = [
  ['Pipeline', /^lib\/(pipeline\/define\/definition|core\/dataset)\./],
  ['Config', /^lib\/(config|connectors\/(?!requests\.)|core\/secret\.)/],
  ['Extract', /^lib\/(extract|connectors\/requests\.)/],
  ['Transform', /^lib\/transform\//],
  ['Check', /^lib\/check\//],
  ['Load', /^lib\/load\//],
  ['Export', /^lib\/export\//],
  ['Partitions', /^lib\/pipeline\/define\/(partitions|partition-names|schedule)\./],
  ['Experiments', /^lib\/pipeline\/experiment\/experiment\./],
]

/** Values that a pipeline file only passes on: what is in them is no one's business. */
const OPAQUE = /^(Check|Contract|Export|TableContract|ExperimentInput|Extract|Load|Partitioning|Secret|Sql|\w+Connection)$/

/** A type whose text is longer says nothing: the docstring must. */
const LONGEST_TYPE = 110

/** A code span, also of a text with backticks. */
const code = (text) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)

const root = resolve(process.argv[2] ?? own)
const out = mkdtempSync(join(tmpdir(), 'millrace-reference-'))
try {
  const tsc = join(own, 'node_modules/typescript/bin/tsc')
  const flags = ['-p', join(root, 'tsconfig.build.json'), '--noCheck', '--emitDeclarationOnly', '--outDir', out]
  execFileSync(process.execPath, [tsc, ...flags], { stdio: ['ignore', 'inherit', 'inherit'] })
  process.stdout.write(page(exportsOf('lib/index.d.ts')))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(out, { recursive: true, force: true })
}

/** The exports of a declaration file, re-exports followed: name, file, docstring, signatures, members. */
function exportsOf(file) {
  const text = readFileSync(join(out, file), 'utf8')
  const found = []
  for (const [, names, from] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '(.*?)\.ts';/gm)) {
    const wanted = names.split(',').map((name) => name.replace('type ', '').trim())
    const there = exportsOf(join(dirname(file), `${from}.d.ts`))
    for (const name of wanted.filter(Boolean)) {
      const each = there.find((one) => one.name === name)
      if (!each) throw new Error(`${file} exports ${name}, which ${from} does not declare`)
      found.push(each)
    }
  }
  return [...found, ...declarationsOf(file, text)]
}

function declarationsOf(file, text) {
  const all = new Map()
  const start = /^((?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*)?)export (?:declare )?(?:abstract )?(function|const|interface|type|class) (\w+)/gm
  for (const match of text.matchAll(start)) {
    const [whole, doc, kind, name] = match
    const at = match.index + whole.lastIndexOf(doc ? `export ` : 'export ')
    const code = statementAt(text, at, kind)
    const each = all.get(name) ?? { name, file, kind, doc: docText(doc), codes: [], members: [] }
    each.codes.push(flat(code.replace(/^export (?:declare )?/, '')))
    if (kind !== 'function' && kind !== 'class') each.members = kind === 'type' ? branchesOf(code) : membersOf(code)
    all.set(name, each)
  }
  return [...all.values()]
}

/** The statement that begins at `at`: up to its `;`, or to the `}` that ends an interface or class. */
function statementAt(text, at, kind) {
  const ends = kind === 'interface' || kind === 'class' ? '}' : ';'
  for (const [sign, depth, i] of signs(text, at)) if (sign === ends && depth === 0) return text.slice(at, i + 1)
  throw new Error(`no end of: ${text.slice(at, at + 80)}`)
}

/** Brackets and semicolons outside comments and literals, each with the depth that it leaves. */
function* signs(text, from) {
  let depth = 0
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|=>|[{}()[\];]/g
  token.lastIndex = from
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [sign] = match
    if (sign.length > 1) continue
    if ('{(['.includes(sign)) depth++
    if ('})]'.includes(sign)) depth--
    yield [sign, depth, match.index]
  }
}

/** The alternatives of a type of objects, with the docstring before each. A type without docstrings inside has none. */
function branchesOf(code) {
  const alternatives = /^export type \w+ = ([\s\S]*);$/.exec(code)?.[1]
  if (!alternatives?.includes('/**')) return []
  const branches = []
  let doc = ''
  for (const piece of alternatives.split(/(?:^|\n)\s*(?=\/\*\*|\| \{)/)) {
    const [, comment, text] = /^((?:\/\*\*[\s\S]*?\*\/)?)\s*\|?\s*([\s\S]*)$/.exec(piece)
    if (comment) doc = docText(comment)
    // An alternative without a docstring stands behind the one before it on its line.
    for (const each of text.split(/(?<=\}) \| (?=\{)/).filter((one) => one.trim())) {
      branches.push({ name: '', method: true, type: flat(each), doc })
      doc = ''
    }
  }
  return branches
}

/** The members of the first `{ … }` of an interface or of a constant's type. The last of several overloads stands for all, with the first one's docstring. */
function membersOf(code) {
  const open = code.indexOf('{', code.indexOf('> {') + 1)
  if (open < 0) return []
  const members = new Map()
  let begin = open + 1
  for (const [sign, depth, i] of signs(code, open)) {
    if (depth === 0) break
    if (sign !== ';' || depth !== 1) continue
    const [, doc, text] = /^\s*((?:\/\*\*[\s\S]*?\*\/\s*)?)([\s\S]*)$/.exec(code.slice(begin, i))
    begin = i + 1
    const [, name, type] = /^(?:readonly )?([\w$]*\??)(?=[<(:])([\s\S]*)$/.exec(text) ?? []
    if (name === undefined || name.startsWith('_')) continue
    const before = members.get(name)
    const method = !type.startsWith(':')
    members.set(name, { name, method, type: flat(type.replace(/^:\s*/, '')), doc: docText(doc) || (before?.doc ?? '') })
  }
  return [...members.values()]
}

/** One line of code as a person would write it. */
function flat(code) {
  return code
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\breadonly (?=[\w[])/g, '')
    .replace(/\bconst (?=\w+ extends)/g, '')
    .replace(/\s+/g, ' ')
    .replace(/; \}/g, ' }')
    .replace(/;$/, '')
    .replace(/(?<=[<,] ?)(?:in|out) (?=\w)/g, '')
    .trim()
}

/** A doc comment's text: its paragraphs, `@throws` as a sentence of its own. */
function docText(comment) {
  const text = comment.replace(/^\s*\/\*\*|\*\/\s*$/g, '').replace(/^\s*\* ?/gm, '')
  const paragraphs = text.split(/\n\s*\n/).map((each) => each.replace(/\s+/g, ' ').trim())
  return paragraphs
    .filter(Boolean)
    .join('\n\n')
    .replace(/\s*@throws (?:a )?([^\n]*?)\.?(?=\n|$)/g, '\n\nThrows $1.')
    .trim()
}

function page(all) {
  const missing = all.flatMap(({ name, doc, members }) => [
    ...(doc ? [] : [name]),
    ...(OPAQUE.test(name) ? [] : members.filter((each) => !each.doc && each.name !== '').map((each) => `${name}.${each.name}`)),
  ])
  if (missing.length > 0) throw new Error(`no docstring: ${missing.join(', ')}`)
  const isType = ({ kind }) => kind === 'interface' || kind === 'type' || kind === 'class'
  const groups = GROUPS.map(([title, files]) => {
    const some = all.filter(({ file }) => files.test(file))
    return [title, [...some.filter((each) => !isType(each)), ...some.filter(isType)]]
  }).filter(([, some]) => some.length > 0)
  const homeless = all.filter((each) => !groups.some(([, some]) => some.includes(each)))
  if (homeless.length > 0) throw new Error(`in no group: ${homeless.map(({ name, file }) => `${name} of ${file}`).join(', ')}`)
  const anchors = anchorsOf(groups.flatMap(([title, some]) => [title, ...some]))
  const sections = groups.map(([title, some]) => `## ${title}\n\n${some.map((each) => entry(each, all, anchors)).join('\n')}`)
  return `# Reference\n\n<!-- made by: node scripts/reference.mjs > docs/reference.md -->\n\nEverything that \`millrace\` exports, in the order of the road. A type after a name is TypeScript's; \`readonly\` is left out.\n[The guide](guide.md) shows them at work.\n\n${sections.join('\n')}`
}

/** The anchor that a reader of Markdown gives each heading: lower case, numbered where an earlier one is the same. */
function anchorsOf(headings) {
  const seen = new Map()
  const anchors = new Map()
  for (const each of headings) {
    const plain = (each.name ?? each).toLowerCase()
    const before = seen.get(plain) ?? 0
    seen.set(plain, before + 1)
    anchors.set(each, before === 0 ? plain : `${plain}-${before}`)
  }
  return anchors
}

function entry({ name, kind, codes, doc, members }, all, anchors) {
  const opaque = OPAQUE.test(name)
  const shown = opaque || (members.length > 0 && kind !== 'function') ? [] : codes.map((code) => code.replace(/^function /, ''))
  const parts = [`### ${name}`, ...(shown.length > 0 ? [`\`\`\`ts\n${shown.join('\n')}\n\`\`\``] : []), doc]
  if (!opaque && members.length > 0) parts.push(members.map(field).join('\n'))
  const text = [...(opaque ? [] : codes)].join(' ')
  const uses = all.filter(
    (each) => each.name !== name && /^[A-Z]/.test(each.name) && !OPAQUE.test(each.name) && new RegExp(`\\b${each.name}\\b`).test(text),
  )
  if (uses.length > 0) parts.push(`See ${uses.map((each) => `[${each.name}](#${anchors.get(each)})`).join(', ')}.`)
  return `${parts.join('\n\n')}\n`
}

function field({ name, method, type, doc }) {
  const text = doc === '' ? '' : `: ${doc.replaceAll('\n\n', ' ')}`
  if (method) return `- ${code(name + type.replace(/^<[^(]*>(?=\()/, ''))}${text}`
  return `- ${code(name)}${type.length > LONGEST_TYPE ? '' : ` ${code(type)}`}${text}`
}
