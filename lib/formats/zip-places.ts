import type { FileHandle } from 'node:fs/promises'

/** Where the content of each file of a ZIP archive lies, `[start, end)`, by its central directory. Of archives without a comment and below 4 GiB. @throws RangeError where it is none */
export async function zipPlaces(handle: FileHandle): Promise<ReadonlyMap<string, { readonly start: number; readonly end: number }>> {
  const { size } = await handle.stat()
  const end = await bytesAt(handle, Math.max(0, size - 22), 22)
  if (size < 22 || end.readUInt32LE(0) !== 0x06054b50) throw new RangeError('it is no ZIP archive')
  const directory = await bytesAt(handle, end.readUInt32LE(16), end.readUInt32LE(12))
  const places = new Map<string, { readonly start: number; readonly end: number }>()
  for (let at = 0; at < directory.length; ) {
    const [nameLength, extra, comment] = [directory.readUInt16LE(at + 28), directory.readUInt16LE(at + 30), directory.readUInt16LE(at + 32)]
    const offset = directory.readUInt32LE(at + 42)
    const local = await bytesAt(handle, offset, 30)
    const start = offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
    places.set(directory.toString('utf8', at + 46, at + 46 + nameLength), { start, end: start + directory.readUInt32LE(at + 20) })
    at += 46 + nameLength + extra + comment
  }
  return places
}

async function bytesAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw new RangeError('it is not a whole ZIP archive')
  return buffer
}
