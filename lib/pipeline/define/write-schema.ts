import { disk, writeWhole } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'

/** Writes a pipeline's schema.ts, whole or not at all: what stands there is the user's own work, and nothing is left beside it. @throws PermanentError when the disk refuses */
export async function writeSchemaFile(file: string, text: string): Promise<void> {
  try {
    await writeWhole(file, text)
  } catch (error) {
    await disk.unlink(`${file}.unfinished`).catch(() => undefined)
    throw refusedByDisk(error, file)
  }
}
