export const schema = {
  payment: {
    payment_id: 'int32',
    customer_id: 'int32',
    rental_id: 'int32',
    amount: 'decimal(5,2)',
    payment_date: 'timestamp',
  },
  customer: { customer_id: 'int32', store_id: 'int32', email: 'text', last_update: 'timestamptz', score: 'float64' },
  revenue: { store_id: 'int32', day: 'date', payments: 'int64', amount: 'decimal(38,2)' },
  ranked: { store_id: 'int32', day: 'date', payments: 'int64', amount: 'decimal(38,2)', rank: 'uint32' },
} as const
