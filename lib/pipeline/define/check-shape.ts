import { ConfigError } from '../../core/errors.ts'
import { isSqlValue, kindOf, SQL_VALUES } from '../../transform/steps.ts'
import type { AnyPipeline } from './definition.ts'

/**
 * Refuses what the compiler would refuse, and what reads it would stumble over: something else where a constructor's value belongs. Pipeline files run without the compiler. Of `extract`, loading has seen to it.
 * @throws ConfigError
 */
export function checkShape(definition: AnyPipeline): void {
  const { partition, parameters, transform, check, load, export: exports } = definition
  if (partition !== undefined && !has(partition, 'by'))
    throw new ConfigError(`partition is ${shown(partition)}; expected hour, day, week, month or year({ from: '…' }), or keys([…])`)
  for (const [name, record] of Object.entries({ transform, check, load, export: exports }))
    if (record !== undefined && !isRecord(record))
      throw new ConfigError(`${name} is ${shown(record)}; expected an object with a name for each dataset`)
  for (const [name, value] of Object.entries(parameters ?? {}))
    if (!isSqlValue(value)) throw new ConfigError(`parameter "${name}" is ${kindOf(value)}; ${SQL_VALUES}`)
  for (const [dataset, given] of Object.entries(check ?? {})) {
    if (!Array.isArray(given)) throw new ConfigError("rules stand in a list, as [notNull('id')]", { stage: 'check', dataset })
    for (const rule of given)
      if (!has(rule, 'rule') && !has(rule, 'engine'))
        throw new ConfigError(`${shown(rule)} is no rule; expected notNull(…), unique(…), sql\`…\` and their like`, {
          stage: 'check',
          dataset,
        })
  }
  for (const [dataset, given] of Object.entries(load ?? {}))
    for (const each of [given].flat())
      if (!has(each, 'disposition'))
        throw new ConfigError(`${shown(each)} is no table; expected append(…), merge(…), replace(…) or replacePartition(…)`, {
          stage: 'load',
          dataset,
        })
  for (const [dataset, given] of Object.entries(exports ?? {}))
    for (const each of [given].flat())
      if (!has(each, 'contract'))
        throw new ConfigError(`${shown(each)} is no file; expected csv(…), ndjson(…), parquet(…), arrow(…) or excel(…)`, {
          stage: 'export',
          dataset,
        })
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function has(value: unknown, property: string): boolean {
  return isRecord(value) && property in value
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}
