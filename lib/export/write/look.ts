/** Reads a file as it comes, by something that shares no code with its writer. */
export interface Look {
  /** Whoever reads waits for it. */
  add(chunk: Uint8Array): void | Promise<void>
  /** At the end: what is not as the manifest has it, a sentence each. */
  faults(rows: number): readonly string[] | Promise<readonly string[]>
}
