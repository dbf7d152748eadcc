import { dirname } from 'node:path'
import { wrapDisk } from '../../kit/failing-disk.ts'

// A broken twin, imported by Node before millrace and after disk-fault.ts: data files get their names only after what leads a reader to them has got its own: a load's manifest, the record of a compaction, a delivery's latest.json.

interface Held {
  readonly from: string
  readonly folder: string
  readonly work: () => Promise<void>
}

let held: Held[] = []

wrapDisk(async (name, [from = '', to = ''], work) => {
  if (name === 'link' && /\.(parquet|csv|csv\.gz)$/.test(to) && !to.includes('/_tmp/')) held.push({ from, folder: `${dirname(to)}/`, work })
  // What is still to be linked stays.
  else if (name === 'unlink' && held.some((each) => each.from === from))
    held.push({ from, folder: held.find((each) => each.from === from)?.folder ?? '', work })
  else {
    await work()
    if ((name !== 'link' && name !== 'rename') || !/\/(_manifests\/\d+|_compacted\/\d+|latest)\.json$/.test(to)) return
    const due = held.filter(({ folder }) => to.startsWith(folder))
    held = held.filter((each) => !due.includes(each))
    for (const each of due) await each.work()
  }
})
