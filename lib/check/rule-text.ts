import type { Rule } from './rules.ts'

const LISTED = 5

/** A rule as a person reads it: `unique(store_id, day)`, `between(amount, 0, 10000)`. */
export function ruleText(rule: Rule): string {
  switch (rule.rule) {
    case 'notNull':
    case 'unique':
      return `${rule.rule}(${rule.columns.join(', ')})`
    case 'accepted': {
      const more = rule.values.length - LISTED
      return `accepted(${rule.column}, [${rule.values.slice(0, LISTED).join(', ')}${more > 0 ? `, and ${more} more` : ''}])`
    }
    case 'between':
      return `between(${rule.column}, ${rule.low}, ${rule.high})`
    case 'matches':
      return `matches(${rule.column}, /${rule.pattern}/${rule.flags})`
    case 'references':
      return `references(${rule.column}, ${rule.dataset}.${rule.target})`
    case 'rowCount': {
      const max = rule.max === Number.MAX_SAFE_INTEGER ? [] : [`max ${rule.max}`]
      return `rowCount(${[...(rule.min > 0 || max.length === 0 ? [`min ${rule.min}`] : []), ...max].join(', ')})`
    }
    case 'freshness':
      return `freshness(${rule.column}, ${rule.within})`
    case 'expression':
      return `sql(${rule.name})`
  }
}

/** The columns that a rule names; of an expression none. */
export function columnsOf(rule: Rule): readonly string[] {
  if ('columns' in rule) return rule.columns
  return 'column' in rule ? [rule.column] : []
}
