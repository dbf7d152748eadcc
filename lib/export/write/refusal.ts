/** Something that no value of a column may be. */
export interface Refusal {
  readonly column: string
  /** SQL over the row `t`. */
  readonly when: string
  /** SQL of the value, as text. */
  readonly value: string
  readonly what: string
  readonly hint: string
}
