/**
 * Bytes chunk by chunk, once: a `Readable`, or anything else that comes in turn and can be stopped. A chunk is its reader's until the reader asks for the next one, and no longer: its memory may then be used again, so what is needed later is
 * copied before. `destroy` ends it early; who iterates sees the error, or a premature end.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
}
