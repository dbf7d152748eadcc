import { inflateRawSync } from 'node:zlib'

const [END, ENTRY, LOCAL] = [0x06054b50, 0x02014b50, 0x04034b50]

/**
 * The content of the first file of a ZIP archive whose name ends so; undefined when there is none. For small archives of known origin, wheels: all in memory, no ZIP64, no encryption.
 * @throws RangeError when it is no ZIP archive, or a damaged one
 */
export function zipEntry(zip: Buffer, suffix: string): Buffer | undefined {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end < 0 || zip.readUInt32LE(end) !== END) throw new RangeError('not a ZIP archive')
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== ENTRY) throw new RangeError('a damaged ZIP archive')
    const [name, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [number, number, number]
    if (zip.toString('utf8', at + 46, at + 46 + name).endsWith(suffix)) {
      const local = zip.readUInt32LE(at + 42)
      if (zip.readUInt32LE(local) !== LOCAL) throw new RangeError('a damaged ZIP archive')
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20))
      return zip.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed)
    }
    at += 46 + name + extra + comment
  }
  return undefined
}
