import { ConfigError } from '../../core/errors.ts'
import { checkDialect } from '../../formats/csv-write.ts'
import { ENCODINGS, isUnicode, unfitIn } from '../../formats/encodings.ts'
import { FORMULAS, formulaIn } from '../../formats/formulas.ts'
import { checkChoices, checkSplit, checkZone } from './check-options.ts'
import type { Contract } from './contract.ts'

// What DuckDB's strftime takes; held by a test against the engine.
const STRFTIME = /^(?:[^%]|%[%ABGHIMSTUVWXYZabcdfghjmnpuwxyz]|%-[HIMSdmyj])*$/s

/** Refuses what a contract says of CSV and the writer cannot do. @throws ConfigError */
export function checkCsvContract(contract: Contract): void {
  checkChoices(contract, CHOICES)
  checkDialect(contract)
  checkTexts(contract)
  checkSplit(contract.split)
  for (const option of ['dateFormat', 'timestampFormat'] as const) {
    const format = contract[option]
    if (format !== undefined && !STRFTIME.test(format))
      throw new ConfigError(`contract ${option} ${JSON.stringify(format)} is no strftime format`)
  }
  checkZone(contract.zone)
}

const CHOICES = {
  header: [true, false],
  lineEnd: ['\n', '\r\n'],
  compression: ['none', 'gzip', 'zstd'],
  formulas: FORMULAS,
  quoting: ['minimal', 'nonNumeric', 'all'],
  encoding: ENCODINGS,
  byteOrderMark: [true, false],
  unfit: [undefined, 'fail', 'replace'],
  decimalPoint: ['.', ','],
  zeroRows: ['headerOnly', 'noFile', 'fail', 'keepLast'],
} as const

/** What a contract says itself, in names and fixed texts, must be something that its file can hold. */
function checkTexts(contract: Contract): void {
  const { booleans, encoding, formulas, quote, quoting } = contract
  const names = Object.keys(contract.columns)
  if (contract.escape !== quote && quoting === 'minimal')
    throw new ConfigError(`escape ${JSON.stringify(contract.escape)} needs quoting "nonNumeric" or "all": it is written inside quotes only`)
  if (contract.byteOrderMark && !isUnicode(encoding)) throw new ConfigError(`${encoding} has no byte-order mark`)
  const [yes, no] = booleans
  if (typeof yes !== 'string' || typeof no !== 'string' || yes === no || booleans.length !== 2)
    throw new ConfigError(`contract booleans ${JSON.stringify(booleans)} must be two texts that differ`)
  for (const text of [...names, ...booleans, contract.null]) {
    const char = unfitIn(text, encoding)
    if (char !== undefined) throw new ConfigError(`${encoding} has no ${JSON.stringify(char)}, which is in ${JSON.stringify(text)}`)
  }
  const formula = contract.header && formulas === 'reject' ? names.find((name) => formulaIn(name, contract)) : undefined
  if (formula !== undefined)
    throw new ConfigError(`the name of column "${formula}" is a formula, and the contract says formulas: "reject"`, { column: formula })
}
