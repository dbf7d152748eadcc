import { quoteLiteral } from '../../core/quote.ts'
import type { ColumnType } from '../../engines/types.ts'

/** SQL: whether a value, or one inside it where it is a list or struct, is of one of these types and `test` is true of it; undefined where it has no such type. */
export function anyWithin(
  value: string,
  type: ColumnType,
  names: readonly ColumnType['name'][],
  test: (value: string, type: ColumnType) => string,
  depth = 0,
): string | undefined {
  if (names.includes(type.name)) return `coalesce(${test(value, type)}, false)`
  if (type.name === 'list') {
    const item = `w${depth}`
    const inner = anyWithin(item, type.of, names, test, depth + 1)
    return inner && `coalesce(list_bool_or(list_transform(${value}, lambda ${item}: ${inner})), false)`
  }
  if (type.name === 'struct') {
    const inner = type.fields.flatMap((field) => {
      const each = anyWithin(`struct_extract(${value}, ${quoteLiteral(field.name)})`, field.type, names, test, depth)
      return each === undefined ? [] : [each]
    })
    return inner.length === 0 ? undefined : `(${inner.join(' OR ')})`
  }
  return undefined
}
