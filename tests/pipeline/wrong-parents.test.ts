import { FILES_CONFIG } from '../kit/project.ts'
import { testWrongPipelines } from './wrong-pipelines.ts'

const CONFIG = FILES_CONFIG.replace('files, local', 'files, http, local').replace(
  '{ data:',
  "{ api: http({ baseUrl: 'https://api.example.com' }), data:",
)
const SHOPS = "shop: source('data').files('shops.csv'),"
const child = (each: string, path = 'items') => `shop: source('api').get('${path}', { each: ${each} }),`

testWrongPipelines(
  [
    [
      'no-parent',
      SHOPS,
      child("{ parent: 'custommer', column: 'id' }"),
      'error: no-parent extract shop: each: unknown parent dataset "custommer"; did you mean "customer"?; there are: sale, customer',
    ],
    [
      'computed-parent',
      SHOPS,
      child("{ parent: 'daily', column: 'day' }"),
      'error: computed-parent extract shop: each: parent "daily" is computed; a request is made for rows of an extracted dataset',
    ],
    [
      'parent-column',
      SHOPS,
      child("{ parent: 'customer', column: 'nam' }"),
      'error: parent-column extract shop: each: parent "customer" has no column "nam"; did you mean "name"?; there are: id, name, changed',
    ],
    [
      'parent-later',
      SHOPS,
      child("{ parent: 'sale', column: 'id' }"),
      'error: parent-later extract shop: each: parent "sale" is read for each partition, and "shop" once for each run\n  hint: let the request of "shop" name {partition}, or give it a window',
    ],
    [
      'parent-itself',
      SHOPS,
      child("{ parent: 'shop', column: 'code' }", 'items/{partition}'),
      'error: parent-itself extract shop: each: "shop" waits for its own rows: shop → shop',
    ],
  ],
  { 'millrace.config.ts': CONFIG },
)
