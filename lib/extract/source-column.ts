import type { Extract } from './source.ts'

const NAME = /^\s*(?:([A-Za-z_]\w*)|"((?:[^"]|"")+)")\s*$/

/** The source's own column behind a dataset's, where `columns:` does not compute it; undefined where it does: what the source has under such a name may be another. */
export function sourceColumn({ expressions }: Pick<Extract<string>, 'expressions'>, column: string): string | undefined {
  if (!expressions) return column
  const [, plain, quoted] = NAME.exec(expressions[column] ?? '') ?? []
  return plain ?? quoted?.replaceAll('""', '"')
}
