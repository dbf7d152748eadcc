/** Reads a file as it comes, by something that shares no code with its writer. */
export interface Look {
  add(chunk: Uint8Array): void
  /** At the end: what is not as the manifest has it, a sentence each. */
  faults(rows: number): readonly string[]
}
