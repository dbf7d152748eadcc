import { contract } from '#millrace'

/**
 * One row for each store and day with a payment (days of the database's naive timestamps). `rank` is 1 for the store's best day of the month; equal amounts share a rank. A month without payments is
 * delivered as the header alone.
 */
export const revenueContract = contract({
  formulas: 'raw',
  columns: {
    store_id: 'int32',
    day: 'date',
    payments: 'int64',
    customers: 'int64',
    amount: 'decimal(38,2)',
    rank: 'uint32',
  },
  orderBy: ['store_id', 'day'],
  zeroRows: 'headerOnly',
})
