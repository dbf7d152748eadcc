import { type Breach, columnBreach } from './breach.ts'
import type { Descriptor } from './descriptor.ts'
import type { StatedResource } from './descriptor-schema.ts'

/** Where columns must stand, which may be there beside those that a consumer names, and which of them no two rows have equal. */
export function orderBreaches(stated: StatedResource, candidate: Descriptor): readonly Breach[] {
  return [...placeBreaches(stated, candidate), ...otherBreaches(stated, candidate), ...keyBreaches(stated, candidate)]
}

function placeBreaches({ schema }: StatedResource, candidate: Descriptor): readonly Breach[] {
  const headless = candidate.dialect?.header === false
  // Without a header a reader has nothing to go by but places.
  if (schema.fieldsMatch !== 'exact' && !headless) return []
  const is = candidate.schema.fields.map(({ name }) => name)
  return schema.fields.flatMap(({ name }, i): readonly Breach[] => {
    const place = is.indexOf(name)
    if (place === i || place < 0) return []
    const what = `is column ${place + 1}, expected ${i + 1}${headless ? ', and the file has no header' : ''}`
    return [columnBreach(name, '', what, `contract: columns: ${name} in place ${i + 1}`, [i + 1, place + 1])]
  })
}

function otherBreaches({ schema }: StatedResource, candidate: Descriptor): readonly Breach[] {
  const { fieldsMatch = 'subset' } = schema
  const wanted = schema.fields.map(({ name }) => name)
  const is = candidate.schema.fields.map(({ name }) => name)
  const more = is.filter((name) => !wanted.includes(name))
  const breach = (actual: readonly string[], what: string, mend: string) => [
    { at: 'schema.fieldsMatch', expected: fieldsMatch, actual, what, mend },
  ]
  if (fieldsMatch === 'partial')
    return more.length < is.length ? [] : breach([], `none of the columns ${wanted.join(', ')} is there`, 'contract: columns: one of them')
  if (fieldsMatch === 'subset' || more.length === 0) return []
  const [which, them] = more.length === 1 ? ['column', 'it'] : ['columns', 'them']
  const mend = `deliver the file without ${them} too, at a path of its own; a consumer that goes by name says fieldsMatch: "subset"`
  return breach(more, `${which} ${more.map((name) => `"${name}"`).join(', ')} not expected (fieldsMatch: "${fieldsMatch}")`, mend)
}

function keyBreaches({ schema }: StatedResource, candidate: Descriptor): readonly Breach[] {
  const { primaryKey, uniqueKeys = [] } = schema
  const keys = [...(primaryKey ? [['primaryKey', primaryKey] as const] : []), ...uniqueKeys.map((key) => ['uniqueKeys', key] as const)]
  const unkept = keys.flatMap(([property, key]): readonly Breach[] => {
    if (hasKey(key, candidate)) return []
    const mend = `contract: orderBy: ${JSON.stringify(key)}, a total order`
    return [
      { at: `schema.${property}`, expected: key, actual: keysOf(candidate), what: `two rows may be equal in ${key.join(', ')}`, mend },
    ]
  })
  const nullable = (primaryKey ?? []).filter((name) =>
    candidate.schema.fields.some((each) => each.name === name && !each.constraints?.required),
  )
  return [
    ...unkept,
    ...nullable.map((name) => ({
      ...{ at: 'schema.primaryKey', expected: name, actual: null, what: `column "${name}" of the primary key may be NULL` },
      mend: `contract: notNull: ["${name}"]`,
    })),
  ]
}

/** Whether no two rows are equal in these columns: those of the total order are among them. */
export function hasKey(key: readonly string[], candidate: Descriptor): boolean {
  return keysOf(candidate).some((each) => each.every((name) => key.includes(name)))
}

function keysOf({ schema }: Descriptor): readonly (readonly string[])[] {
  return [...(schema.primaryKey ? [schema.primaryKey] : []), ...(schema.uniqueKeys ?? [])]
}
