import { command } from './command.ts'
import { givenLimits, LIMITS } from './limits.ts'

/** `millrace certify`: whether a pipeline gives the same whatever the machine, the hour and the order of rows. */
export const certify = command({
  name: 'certify',
  describe: 'compute partitions again with other threads, zone, locale, clock and order of rows; name what differs, and why',
  options: {
    pipeline: { type: 'string', positional: true, required: true, describe: 'the name of a folder in pipelines/' },
    sample: {
      type: 'number',
      value: 'count',
      describe: 'how many partitions, and loads of each dataset whose changes are read, spread from the first to the last; default 5',
    },
    partition: { type: 'string', value: 'name', describe: 'this partition only' },
    ...LIMITS,
  },
  example: ['millrace certify weather --sample 3', 'know that a rerun, on any machine, gives the same'],
  handler: async ({ pipeline, memory, threads, ...options }, { folder, profile, signal, color, events }) => {
    const [{ openProject }, { certify: certifyPipeline }, { certifyText }] = await Promise.all([
      import('../pipeline/project.ts'),
      import('../pipeline/certify/certify.ts'),
      import('./certify-text.ts'),
    ])
    const limits = givenLimits({ memory, threads })
    const project = await openProject(folder, profile, limits)
    const done = await certifyPipeline(project, pipeline, { ...options, limits, signal, events: await events() })
    return { text: certifyText(done, color), json: { ...done.certificate, file: done.file }, exitCode: done.certificate.exitCode }
  },
})
