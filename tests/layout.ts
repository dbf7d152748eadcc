import { dirname, join } from 'node:path/posix'

/** From the outside in: a file may import its own layer's folder and the layers below it, never one above. */
export const LAYERS: readonly (readonly string[])[] = [
  ['bin'],
  ['index'],
  ['cli'],
  ['pipeline'],
  ['observe', 'config', 'registry'],
  ['extract', 'land', 'transform', 'check', 'load', 'export'],
  ['system'],
  ['connectors'],
  ['formats'],
  ['engines'],
  ['state'],
  ['core'],
]

/** Files that may call what turns data into JavaScript row objects: they read single metadata values or print a few rows. */
export const ALLOWED_ROW_OBJECTS: readonly string[] = ['lib/engines/result-texts.ts']

/** What a pipeline or an experiment may import beside its own local files. */
const PIPELINE_IMPORTS: readonly string[] = ['#millrace', 'nodejs-polars']

const MAX_LINES = 400
const STAGES: readonly string[] = ['extract', 'land', 'transform', 'check', 'load', 'export']
const CATCH_ALL = /(^|\/)(utils|helpers|common)\.ts$/
const ROW_OBJECTS = /\b(?:getRow\w*|toRecords|toObject)\s*\(|\.\s*rows\s*\(/

type Import = { readonly specifier: string; readonly typeOnly: boolean }

/**
 * The layer of a file: a folder of lib/ by its name, except that connectors/ has three kinds of file: the interfaces (`connectors`), the
 * `registry` index.ts, and the folder of one `system`.
 */
export function layerOf(file: string): string | undefined {
  if (file.startsWith('bin/')) return 'bin'
  if (file === 'lib/index.ts') return 'index'
  if (file === 'lib/connectors/index.ts') return 'registry'
  if (/^lib\/connectors\/[^/]+\//.test(file)) return 'system'
  return /^lib\/([^/]+)\//.exec(file)?.[1]
}

/** The imports and re-exports of a TypeScript text, those in comments and template literals left out. */
export function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|`(?:\\[\s\S]|[^`\\])*`|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, (token) =>
    token[0] === '`' ? '``' : token[0] === '/' ? '' : token,
  )
  const statements = code.matchAll(/(?:^|[;\n])\s*(?:import|export)\b(\s+type\b(?!\s*from\b))?([^'"`;=()]*?\bfrom)?\s*['"]([^'"\n]+)['"]/g)
  const calls = code.matchAll(/\bimport\s*\(\s*['"]([^'"\n]+)['"]/g)
  return [
    ...[...statements].map(([, type, , specifier]) => ({ specifier: specifier ?? '', typeOnly: type !== undefined })),
    ...[...calls].map(([, specifier]) => ({ specifier: specifier ?? '', typeOnly: false })),
  ]
}

/** What breaks the layout's rules in a set of files (path from the project's root → text), one line for each, in the files' order. */
export function layoutViolations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  const graph = new Map<string, string[]>()
  for (const [file, text] of files) {
    const imports = importsOf(text)
    if (file.startsWith('pipelines/') || file.startsWith('experiments/')) {
      found.push(...imports.flatMap(({ specifier }) => outsideImport(file, specifier)))
      continue
    }
    if (CATCH_ALL.test(file)) found.push(`${file}: a catch-all file; name it for what it does`)
    if (layerOf(file) === undefined || rankOf(layerOf(file)) < 0) found.push(`${file}: is in no layer`)
    if (file.startsWith('lib/')) found.push(...contentViolations(file, text))
    const targets = imports.map((each) => ({ ...each, target: targetOf(file, each.specifier) }))
    for (const { target, typeOnly } of targets) {
      const problem = target && directionProblem(file, target, typeOnly)
      if (problem) found.push(`${file}: imports ${target}: ${problem}`)
    }
    graph.set(
      file,
      targets.flatMap(({ target }) => target ?? []),
    )
  }
  return [...found, ...cyclesOf(graph).map((cycle) => `import cycle: ${cycle.join(' → ')}`)]
}

const rankOf = (layer: string | undefined): number => LAYERS.findIndex((layers) => layers.includes(layer ?? ''))

function targetOf(file: string, specifier: string): string | undefined {
  if (specifier === '#millrace') return 'lib/index.ts'
  return specifier.startsWith('.') ? join(dirname(file), specifier) : undefined
}

function outsideImport(file: string, specifier: string): string[] {
  if (PIPELINE_IMPORTS.includes(specifier)) return []
  const own = file.split('/').slice(0, file.startsWith('pipelines/') ? 2 : 1)
  const local = specifier.startsWith('.') && join(dirname(file), specifier).startsWith(`${own.join('/')}/`)
  return local ? [] : [`${file}: imports ${specifier}: only ${PIPELINE_IMPORTS.join(', ')} and its own files are allowed`]
}

function contentViolations(file: string, text: string): string[] {
  const lines = text.replace(/\n$/, '').split('\n')
  const long = lines.length > MAX_LINES ? [`${file}: has ${lines.length} lines; at most ${MAX_LINES}`] : []
  if (ALLOWED_ROW_OBJECTS.includes(file)) return long
  const rows = lines.flatMap((line, index) => {
    const call = /^\s*(\/\/|\/?\*)/.test(line) ? undefined : ROW_OBJECTS.exec(line)?.[0]
    return call ? [`${file}:${index + 1}: calls ${call}): row objects`] : []
  })
  return [...long, ...rows]
}

/** Why one file must not import another, or undefined where it may. */
function directionProblem(file: string, target: string, typeOnly: boolean): string | undefined {
  const from = layerOf(file)
  const to = layerOf(target)
  if (to === undefined) return target.startsWith('lib/') ? 'is in no layer' : 'is outside lib/'
  if (from === 'core' && to !== 'core') return 'core imports nothing of ours'
  if (to === 'bin' && from !== 'bin') return 'nothing imports bin'
  if (to === 'registry' && from !== 'pipeline' && from !== 'cli' && from !== 'index')
    return 'only pipeline/, cli/ and index.ts import the registry'
  if (to === 'system' && from !== 'registry' && folderOf(file) !== folderOf(target)) {
    return from === 'system' ? 'a connector imports no other connector' : 'only the registry imports a connector'
  }
  if (STAGES.includes(from ?? '') && STAGES.includes(to) && from !== to) return 'a stage imports no other stage'
  if (to === 'observe' && !['observe', 'pipeline', 'cli', 'index'].includes(from ?? '')) return 'only pipeline/ and cli/ import observe/'
  if (to === 'config' && !['config', 'pipeline', 'cli', 'index'].includes(from ?? '')) return 'only pipeline/ and cli/ import config/'
  if (from === 'config' && !['config', 'connectors', 'core'].includes(to)) return 'config imports connector interfaces and core'
  if (from === 'observe' && STAGES.includes(to)) return 'only pipeline/ imports the stages'
  if (from === 'registry' && STAGES.includes(to)) return 'a connector imports no stage'
  if (from === 'connectors' && ['formats', 'engines', 'state'].includes(to) && !typeOnly)
    return 'a connector interface takes only types from there'
  if (rankOf(to) < rankOf(from)) return `${from} is below ${to}`
  if (rankOf(to) === rankOf(from) && to !== from) return `${from} and ${to} stand side by side`
  return undefined
}

const folderOf = (file: string): string => file.split('/').slice(0, 3).join('/')

/** One cycle for each group of files that reach each other, closed by its first file. Type-only imports count. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at >= 0) cycles.push([...path.slice(at), file])
    if (at >= 0 || done.has(file)) return
    path.push(file)
    for (const target of graph.get(file) ?? []) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return cycles
}
