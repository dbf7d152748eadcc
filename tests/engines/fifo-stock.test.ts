import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fifoStock, fifoStocks } from '../../lib/engines/fifo-stock.ts'
import { temporaryFolder } from '../kit/context.ts'

it('fifoStock makes what is taken in one go, and gives a FIFO again only after it came back clean', async () => {
  const folder = join(temporaryFolder(), 'fifos')
  const stock = fifoStock(folder)
  const [one, other] = [stock.take(), stock.take()]
  expect(one).not.toBe(other)
  await Promise.all([stock.make([one]), stock.make([other])])
  for (const path of [one, other]) expect(lstatSync(path).isFIFO()).toBe(true)
  const { ino } = lstatSync(one)
  await stock.giveBack(one, true)
  await stock.giveBack(one, true)
  expect(stock.take()).toBe(one)
  const third = stock.take()
  expect([one, other]).not.toContain(third)
  await stock.make([one, third])
  expect(lstatSync(one).ino).toBe(ino)
  await stock.giveBack(other, false)
  expect(readdirSync(folder)).toHaveLength(2)
  expect(stock.take()).not.toBe(other)
})

it('fifoStocks keeps one stock for each workspace', () => {
  const stocks = fifoStocks('fifos')
  const folder = temporaryFolder()
  expect(stocks(folder)).toBe(stocks(folder))
  expect(stocks(join(folder, 'unit')).take()).toBe(join(folder, 'unit/fifos/1.csv'))
})
