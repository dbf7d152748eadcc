-- What is computed of one day's rows: prices, and each supplier's place among those of the day.
SELECT
  l_orderkey,
  l_linenumber,
  l_suppkey,
  l_shipmode,
  CAST(l_extendedprice * (1 - l_discount) AS DECIMAL(18, 4)) AS price,
  CAST(l_extendedprice * (1 - l_discount) * (1 + l_tax) AS DECIMAL(18, 6)) AS charge,
  CAST(sum(l_quantity) OVER (PARTITION BY l_suppkey ORDER BY l_orderkey, l_linenumber) AS DECIMAL(18, 2)) AS quantity_so_far,
  CAST(rank() OVER (PARTITION BY l_shipmode ORDER BY l_extendedprice DESC, l_orderkey, l_linenumber) AS INTEGER) AS place
FROM lineitem
