import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, resolve } from 'node:path'
import { type Node, type Program, parse, tokenizer } from 'acorn'
import { ConfigError, messageOf } from '../../core/errors.ts'
import { hashOf } from '../../core/hash.ts'

/**
 * The code of a pipeline file that a frame can reach besides its own text. Comments, spacing and types do not count; schema.ts does not (the types of the
 * inputs enter the key through their content hashes).
 */
export interface PipelineCode {
  /** The hash of a function's text together with everything of the file and its local modules that it can reach. */
  hashOfFunction(text: string): string
  /** Hashes of what that one is made of: the function's own text, the rest of the file, the local modules and packages that it reaches, by how they are imported. */
  partsOfFunction(text: string): { readonly own: string; readonly outside: string; readonly modules: Readonly<Record<string, string>> }
  /** The tokens of all that. */
  tokensOfFunction(text: string): readonly string[]
  /** Whether it can reach what stands in a schema.ts. */
  reachesSchema(text: string): boolean
}

/** Reads what `hashOfFunction` needs. @throws ConfigError when a local module is missing or does not parse. */
export async function readPipelineCode(file: string): Promise<PipelineCode> {
  const { program, text } = await parseModule(file)
  const outside = program.body
    .filter((node) => node.type !== 'ImportDeclaration' && !isPipelineExport(node))
    .map((node) => tokens(text.slice(node.start, node.end)))
  const imports = await Promise.all(
    importsOf(program).map(async (found) => ({
      from: found.from,
      names: found.names,
      code: await moduleCode(file, found.from, new Set()),
    })),
  )
  const outsideText = outside.flat()
  const reachedFrom = (own: readonly string[]) => {
    const used = new Set([...own, ...outsideText])
    return imports.filter(({ names }) => names.some((name) => used.has(name)))
  }
  const tokensReached = (own: readonly string[]) => [
    ...own,
    ...outsideText,
    ...reachedFrom(own).flatMap(({ code }) => tokensOfModule(code)),
  ]
  return {
    hashOfFunction(functionText) {
      const own = tokens(functionText)
      return hashOf({ own, outside, modules: reachedFrom(own).map(({ code }) => code) })
    },
    partsOfFunction(functionText) {
      const own = tokens(functionText)
      const modules = reachedFrom(own).map(({ from, code }) => [from, hashOf(code ?? null)] as const)
      return { own: hashOf(own), outside: hashOf(outside), modules: Object.fromEntries(modules) }
    },
    tokensOfFunction(functionText) {
      return tokensReached(tokens(functionText))
    },
    reachesSchema(functionText) {
      const own = tokens(functionText)
      return reachedFrom(own).some(({ from }) => isSchema(from)) || tokensReached(own).some((token) => isSchema(token.slice(1, -1)))
    },
  }
}

/** The tokens of a program text: what is left of it without comments and spacing. */
export function tokens(text: string): string[] {
  return Array.from(tokenizer(text, { ecmaVersion: 'latest', sourceType: 'module' }), (token) => text.slice(token.start, token.end))
}

async function parseModule(file: string): Promise<{ program: Program; text: string }> {
  const source = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  const text = /\.[cm]?ts$/.test(file) ? withoutTypes(source) : source
  return { program: parse(text, { ecmaVersion: 'latest', sourceType: 'module' }), text }
}

/** Node says on every first use that this is experimental; the release that is pinned has it, and a user can do nothing about it. */
function withoutTypes(source: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** `export default pipeline({ … })`: its literal enters step by step, not as a whole. */
function isPipelineExport(node: Node): boolean {
  const declaration = 'declaration' in node ? (node.declaration as Node | null) : null
  return node.type === 'ExportDefaultDeclaration' && declaration?.type === 'CallExpression'
}

interface Import {
  readonly from: string
  readonly names: readonly string[]
}

function importsOf(program: Program): Import[] {
  return program.body.flatMap((node) =>
    node.type === 'ImportDeclaration' && typeof node.source.value === 'string'
      ? [{ from: node.source.value, names: node.specifiers.map((specifier) => specifier.local.name) }]
      : [],
  )
}

function isSchema(path: string): boolean {
  return /(^|\/)schema\.[cm]?[jt]s$/.test(path)
}

/** A local module's tokens and those of the local modules that it imports; of a package only its name. */
async function moduleCode(importer: string, from: string, seen: Set<string>): Promise<unknown> {
  if (!from.startsWith('.')) return from
  const file = resolve(dirname(importer), from)
  if (isSchema(file) || seen.has(file)) return undefined
  seen.add(file)
  if (!existsSync(file)) throw new ConfigError(`${importer} imports "${from}", which is not there`)
  if (!/\.[cm]?[jt]s$/.test(file)) return await readFile(file, 'utf8')
  const { program, text } = await parseModule(file)
  return { tokens: tokens(text), imports: await Promise.all(importsOf(program).map((found) => moduleCode(file, found.from, seen))) }
}

function tokensOfModule(code: unknown): string[] {
  if (typeof code !== 'object' || code === null || !('tokens' in code) || !('imports' in code)) return []
  return [...(code.tokens as string[]), ...(code.imports as unknown[]).flatMap(tokensOfModule)]
}
