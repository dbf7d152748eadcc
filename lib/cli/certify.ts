import { command } from './command.ts'

/** `millrace certify`: whether a pipeline gives the same whatever the machine, the hour and the order of rows. */
export const certify = command({
  name: 'certify',
  describe: 'compute partitions again with other threads, zone, locale, clock and order of rows; name what differs, and why',
  options: {
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    sample: { type: 'number', value: 'count', describe: 'how many partitions, spread from the first to the last; default 5' },
    partition: { type: 'string', value: 'name', describe: 'this partition only' },
  },
  example: ['millrace certify weather --sample 3', 'know that a rerun, on any machine, gives the same'],
  handler: async ({ pipeline, ...options }, { folder, profile, signal, color, events }) => {
    const [{ openProject }, { certify: certifyPipeline }, { certifyText }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/certify/certify.ts'),
      import('./certify-text.ts'),
    ])
    const done = await certifyPipeline(await openProject(folder, profile), pipeline, { ...options, signal, events: await events() })
    return { text: certifyText(done, color), json: { ...done.certificate, file: done.file }, exitCode: done.certificate.exitCode }
  },
})
