import { expect, test } from 'vitest'
import { millrace } from '../kit/millrace.ts'
import { testProject } from '../kit/project.ts'

test('exp run without a name lists the experiments', async () => {
  const project = testProject({
    'experiments/look.exp.ts': 'export default {}\n',
    'experiments/ask.exp.ts': '',
    'experiments/ask.exp.txt': '',
  })
  expect(await millrace(project, 'exp', 'run')).toMatchObject({ code: 0, stdout: 'ask\nlook' })
  expect(JSON.parse((await millrace(project, 'exp', 'run', '--json')).stdout)).toEqual({ experiments: ['ask', 'look'] })
  expect((await millrace(testProject({}), 'exp', 'run')).stdout).toContain('no experiments yet')
})
