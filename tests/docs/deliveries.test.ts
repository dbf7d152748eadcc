import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { signed, signingKey } from '../../lib/connectors/webhook/sign.ts'
import { temporaryFolder } from '../kit/context.ts'
import { CHECKOUT } from '../kit/project.ts'
import { blocksOf } from './blocks.ts'

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
const OTHER = `whsec_${Buffer.alloc(32, 4).toString('base64')}`
const BODY = '{"type":"delivery.switched","data":{"path":"größe/{partition}.csv"}}'

/** Runs a snippet over cases, each [headers, body, secret]; gives what it says of each. */
const HARNESSES = {
  'verify_notice.py': [
    'python3',
    'import json, sys\nfrom verify_notice import verify\nprint(json.dumps([verify(h, b.encode(), s) for h, b, s in json.load(sys.stdin)]))',
    '-c',
  ],
  'verify-notice.mjs': [
    process.execPath,
    "import { text } from 'node:stream/consumers'\nimport { verify } from './verify-notice.mjs'\nconsole.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(([h, b, s]) => verify(h, Buffer.from(b), s))))",
    '--input-type=module',
    '-e',
  ],
} as const

test.each(Object.entries(HARNESSES))(
  'the snippet %s of docs/deliveries.md takes what is ours and of now, and nothing else',
  (file, harness) => {
    const [program, code, ...flags] = harness
    const folder = temporaryFolder()
    const snippet = blocksOf(readFileSync(join(CHECKOUT, 'docs/deliveries.md'), 'utf8')).find(({ info }) => info === file)
    writeFileSync(join(folder, file), snippet?.text ?? '')
    const keys = [signingKey(OTHER, 'x'), signingKey(SECRET, 'x')]
    const now = signed('a1b2', new Date(), BODY, keys)
    const cases = [
      [now, BODY, SECRET],
      [now, BODY, OTHER],
      [now, `${BODY} `, SECRET],
      [{ ...now, 'webhook-id': 'a1b3' }, BODY, SECRET],
      [now, BODY, `whsec_${Buffer.alloc(32, 5).toString('base64')}`],
      [signed('a1b2', new Date(Date.now() - 600_000), BODY, keys), BODY, SECRET],
      [{ ...now, 'webhook-timestamp': String(Number(now['webhook-timestamp']) + 1) }, BODY, SECRET],
    ]
    const { stdout, stderr } = spawnSync(program, [...flags, code], { cwd: folder, input: JSON.stringify(cases), encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([true, true, false, false, false, false, false])
  },
)
