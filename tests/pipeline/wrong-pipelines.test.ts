import { testWrongPipelines } from './wrong-pipelines.ts'

testWrongPipelines([
  [
    'no-schema',
    'shop: { code',
    'shp: { code',
    `error: no-schema extract shop: schema.ts has no columns for "shop"\n  hint: run millrace plan no-schema --discover: it asks the source once and writes them`,
  ],
  [
    'two-names',
    '    named: (',
    '    shop: sql`SELECT 1 AS a`,\n    named: (',
    'error: two-names extract shop: "shop" is both extracted and transformed: a dataset has one name',
  ],
  [
    'partition-from',
    "day({ from: '2024-01-01' })",
    "day({ from: '2024-02-30' })",
    'error: partition-from: "2024-02-30" is not a day; expected the form 2005-05-24 (file pipelines/partition-from/pipeline.ts)',
  ],
  [
    'partition-zone',
    "day({ from: '2024-01-01' })",
    "day({ from: '2024-01-01', zone: 'Europe/Berln' })",
    'error: partition-zone: unknown time zone "Europe/Berln"; expected an IANA name, as Europe/Berlin (file pipelines/partition-zone/pipeline.ts)',
  ],
  [
    'window-without-partition',
    "partition: day({ from: '2024-01-01' }), ",
    '',
    `error: window-without-partition extract sale: window "sold" needs a partition of time\n  hint: add partition: day({ from: '…' }) to the pipeline`,
  ],
  [
    'throws',
    'export default',
    "throw new Error('not today')\nexport default",
    'error: throws: pipelines/throws/pipeline.ts cannot be loaded: not today (line 8)',
  ],
  [
    'no-export',
    'export default pipeline',
    'export const p = pipeline',
    `error: no-export: pipelines/no-export/pipeline.ts does not export a pipeline: it has no default export\n  hint: end it with \`export default pipeline({ … })\``,
  ],
  [
    'other-name',
    "name: '$NAME'",
    "name: 'another'",
    'error: other-name: pipeline "another" lies in the folder "other-name": the two must be the same (file pipelines/other-name/pipeline.ts)',
  ],
])
