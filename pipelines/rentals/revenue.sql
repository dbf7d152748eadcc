-- One row for each store and day: what its customers paid. A customer belongs to the store that it is now with.
SELECT
  store_id,
  CAST(payment_date AS DATE) AS day,
  count(*) AS payments,
  count(DISTINCT customer_id) AS customers,
  sum(amount) AS amount
FROM payment
JOIN customer USING (customer_id)
GROUP BY ALL
