import { ConfigError } from '../core/errors.ts'
import type { CommonContract, SplitRows } from './contract/table-contract.ts'

/** How the immutable files of one (export, partition) are called, without extension. */
export interface FileNames {
  name(inputKey: string, sha256: string, part: number): string
  /** Whether a file's whole name has this form, with any extension, or that of the default. */
  isName(name: string): boolean
}

/** As much of a contract as names files. */
type Named = Pick<CommonContract, 'fileName'> & { readonly split?: SplitRows | undefined }

const PLACEHOLDERS = { key: '[0-9a-f]{12}', sha: '[0-9a-f]{8}', part: '\\d{4,}' } as const
const PLAIN = '{key}-{sha}'
const SPLIT = '{key}-{part}-{sha}'
const EXTENSION = '\\.[A-Za-z0-9.]+'

/** The names that a contract gives, `name` and `partition` filled in. */
export function fileNames(contract: Named, fixed: { readonly name: string; readonly partition: string }): FileNames {
  const template = contract.fileName ?? (contract.split ? SPLIT : PLAIN)
  const patterns = [template, PLAIN, SPLIT].map((each) => new RegExp(`^${patternOf(each, fixed)}${EXTENSION}$`))
  return {
    name: (inputKey, sha256, part) =>
      filled(template, { ...fixed, key: inputKey.slice(0, 12), sha: sha256.slice(0, 8), part: String(part).padStart(4, '0') }),
    isName: (name) => patterns.some((pattern) => pattern.test(name)),
  }
}

/** @throws ConfigError for a template that could give two files one name, or a name that is no part of a key */
export function checkFileName({ fileName, split }: Named): void {
  if (fileName === undefined) return
  const said = `contract fileName ${JSON.stringify(fileName)}`
  const names = [...fileName.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name ?? '')
  const unknown = names.find((name) => !['key', 'sha', 'part', 'name', 'partition'].includes(name))
  if (unknown !== undefined)
    throw new ConfigError(`${said} has an unknown placeholder {${unknown}}; there are {key}, {sha}, {name}, {partition}, {part}`)
  for (const needed of ['key', 'sha', ...(split ? ['part'] : [])])
    if (!names.includes(needed))
      throw new ConfigError(`${said} needs {${needed}}: ${needed === 'part' ? 'split files' : 'other rows'} must have another name`)
  if (!/^[A-Za-z0-9{][A-Za-z0-9._={}-]*$/.test(fileName) || /^(manifest|latest|kept-last|held|switch)/.test(fileName))
    throw new ConfigError(
      `${said} may have letters, digits, ".", "_", "=" and "-", and not begin with manifest, latest, kept-last, held or switch`,
    )
}

function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{([^}]*)\}/g, (_, name: string) => values[name] ?? '')
}

function patternOf(template: string, fixed: Readonly<Record<string, string>>): string {
  return template
    .split(/(\{[^}]*\})/)
    .map((piece) => {
      const name = piece.slice(1, -1)
      if (!piece.startsWith('{')) return literal(piece)
      return name in PLACEHOLDERS ? PLACEHOLDERS[name as keyof typeof PLACEHOLDERS] : literal(fixed[name] ?? '')
    })
    .join('')
}

function literal(text: string): string {
  return text.replaceAll(/[$()*+.?[\]\\^{|}]/g, '\\$&')
}
