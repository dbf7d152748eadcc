SELECT
  o_custkey,
  CAST(date_trunc('quarter', l_shipdate) AS DATE) AS quarter,
  count(*) AS lines,
  CAST(sum(l_quantity) AS DECIMAL(18,2)) AS quantity,
  CAST(sum(l_extendedprice) AS DECIMAL(18,2)) AS amount
FROM priced
GROUP BY ALL
