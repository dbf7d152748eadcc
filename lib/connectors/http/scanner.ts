/** What the paging needs to know of a body. */
export interface BodyFacts {
  readonly rows: number
  /** The next cursor, where the request pages by one. */
  readonly next?: string
  /** SHA-256 of the rows' bytes: two pages with equal rows have equal hashes, whatever stands around them. */
  readonly rowsHash: string
  /** Why this is not a whole body of the declared format. */
  readonly problem?: string
  /** What is wrong with a whole body: its rows are not where they should be. */
  readonly misplaced?: string
  /** What else a whole body has that no page of rows can have. */
  readonly unexpected?: string
}

/** Looks through the bytes of a body as they pass, in bounded memory. */
export interface BodyScanner {
  feed(chunk: Uint8Array): void
  end(): BodyFacts
}
