import { disk } from '../../core/disk.ts'
import { refusedByDisk } from '../../core/disk-refusal.ts'

/** Writes a pipeline's schema.ts, whole or not at all: what stands there is the user's own work. @throws PermanentError when the disk refuses */
export async function writeSchemaFile(file: string, text: string): Promise<void> {
  const unfinished = `${file}.unfinished`
  try {
    await disk.write(unfinished, text)
    await disk.syncFile(unfinished)
    await disk.rename(unfinished, file)
  } catch (error) {
    await disk.unlink(unfinished).catch(() => undefined)
    throw refusedByDisk(error, file)
  }
}
