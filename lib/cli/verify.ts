import { tmpdir } from 'node:os'
import { ConfigError, NotFound } from '../core/errors.ts'
import { formatBytes, formatMany, formatRows } from '../observe/units.ts'
import { command } from './command.ts'
import { heldText } from './deliver-text.ts'

/** `millrace verify`: for those who read deliveries; needs no project. */
export const verify = command({
  name: 'verify',
  describe: 'hold delivered files against their manifests; needs no project',
  options: {
    place: {
      type: 'string',
      positional: true,
      required: true,
      describe: "a delivery's folder, a folder that holds some, or the URL of a delivery's folder",
    },
  },
  example: ['millrace verify .millrace/dev/store', 'read every delivered file once, and say what is not as its manifest has it; exit 3'],
  handler: async ({ place }, { signal }) => {
    const [{ deliveryFolders }, { scratchIn }, { verifyDelivery }] = await Promise.all([
      import('../export/verify/delivery-folders.ts'),
      import('../export/verify/scratch.ts'),
      import('../export/verify/verify-delivery.ts'),
    ])
    await using scratch = scratchIn(tmpdir())
    const deliveries = []
    for (const folder of await deliveryFolders(place, signal)) {
      signal.throwIfAborted()
      deliveries.push(
        await verifyDelivery(folder, { scratch, signal }).catch((error: unknown) => {
          if (error instanceof NotFound) throw new ConfigError(`${folder.name} holds no delivery: ${error.message}`, { cause: error })
          throw error
        }),
      )
    }
    const faulty = deliveries.filter(({ faults }) => faults.length > 0)
    const lines = deliveries.flatMap(({ folder, manifest, bytes, files, faults }) =>
      faults.length > 0
        ? [`${folder}: not as delivered`, ...faults.map((fault) => `  ${fault}`)]
        : [`${folder}: as delivered, ${formatRows(manifest?.rows ?? 0)}, ${formatBytes(bytes)}, ${manifest?.run.at}; ${heldText(files)}`],
    )
    const count = formatMany(deliveries.length, 'delivery', 'deliveries')
    if (deliveries.length > 1)
      lines.push('', faulty.length === 0 ? `${count}, all as delivered` : `${faulty.length} of ${count} not as delivered`)
    return { text: lines.join('\n'), json: { deliveries }, exitCode: faulty.length > 0 ? 3 : 0 }
  },
})
