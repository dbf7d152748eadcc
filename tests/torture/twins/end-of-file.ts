import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32c } from '@node-rs/crc32'
import type { Store } from '../../../lib/connectors/store.ts'
import type { Producer } from '../../../lib/engines/fifo-source.ts'
import type { WriteRequest, Written } from '../../../lib/export/write/write-csv.ts'

/** A broken twin of `writeThroughFifo`: the FIFO's end of file is all that it waits for, whatever has become of the producer. */
export async function writeThroughFifo(
  { key: keyOf, rows, convert, fifos, signal }: WriteRequest,
  produce: Producer,
  store: Store,
): Promise<readonly Written[]> {
  const key = keyOf(1)
  const path = fifos.take()
  try {
    await fifos.make([path])
    const produced = produce(path, signal).catch(() => 0)
    const [hash, sum] = [createHash('sha256'), { crc: 0, bytes: 0 }]
    const meter = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        hash.update(chunk)
        sum.crc = crc32c(chunk, sum.crc)
        sum.bytes += chunk.length
        done(null, chunk)
      },
    })
    const source = createReadStream(path)
    const flow = convert ? pipeline(source, convert, meter) : pipeline(source, meter)
    await Promise.all([flow, store.put(key, { stream: meter }, { ifAbsent: true })])
    await produced
    const read = { rows, content: 0n, order: 0n, columns: [] }
    return [{ key, rows, bytes: sum.bytes, crc32c: sum.crc.toString(16).padStart(8, '0'), sha256: hash.digest('hex'), read }]
  } finally {
    await fifos.giveBack(path, false)
  }
}
