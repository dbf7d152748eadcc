import { painter } from '../observe/color.ts'
import { formatMany } from '../observe/units.ts'
import { visible } from '../observe/width.ts'
import type { DoctorReport } from '../pipeline/doctor/doctor.ts'
import { command } from './command.ts'

/** `millrace doctor`: everything that a run would use is looked at. */
export const doctor = command({
  name: 'doctor',
  describe: 'look at machine, engines, connections, warehouse and stores, and say what to do; exit 2, 75 or 1 when something is wrong',
  options: {},
  example: ['millrace doctor --profile prod', 'see before the night whether every system answers, and what is missing'],
  handler: async (_, { folder, profile, signal, color }) => {
    const { doctor: look } = await import('../pipeline/doctor/doctor.ts')
    const report = await look(folder, { ...(profile !== undefined && { profile }), signal })
    return { text: doctorText(report, color), json: report, exitCode: report.exitCode }
  },
})

const MARKS = { ok: { color: 'green', mark: '✓' }, warning: { color: 'yellow', mark: '!' }, fault: { color: 'red', mark: '✗' } } as const

/** A block for each thing that was examined, a line for each finding, what to do about it below. */
export function doctorText({ examined, exitCode }: DoctorReport, color: boolean): string {
  const paint = painter(color)
  const width = Math.max(...examined.flatMap(({ findings }) => findings.map(({ what }) => what.length)))
  const blocks = examined.map(({ name, findings }) => {
    const lines = findings.flatMap(({ what, state, found, advice }) => [
      `  ${paint(MARKS[state].color, MARKS[state].mark)} ${what.padEnd(width)}  ${visible(found)}`,
      ...(advice === undefined ? [] : [`    ${' '.repeat(width)}  → ${visible(advice)}`]),
    ])
    return [paint('bold', name), ...(lines.length === 0 ? ['  nothing to look at'] : lines)].join('\n')
  })
  const count = (state: keyof typeof MARKS) => examined.flatMap(({ findings }) => findings).filter((each) => each.state === state).length
  const [faults, warnings] = [count('fault'), count('warning')]
  const verdict =
    faults + warnings === 0
      ? paint('green', 'nothing is wrong')
      : [faults > 0 && formatMany(faults, 'fault'), warnings > 0 && formatMany(warnings, 'warning')]
          .filter((part) => part !== false)
          .join(', ')
  return [...blocks, `${verdict}${exitCode === 0 ? '' : ` (exit ${exitCode})`}`].join('\n\n')
}
