import { stat } from 'node:fs/promises'

/** Bytes of all these files together, for reports; one that is not there counts as nothing: whoever reads it says so. */
export async function bytesOfFiles(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
