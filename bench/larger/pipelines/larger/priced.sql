SELECT
  o_custkey, l_orderkey, l_linenumber, l_shipdate, l_quantity, l_discount, l_returnflag, l_shipmode, o_priority,
  CAST(l_extendedprice * (1 - l_discount) AS DECIMAL(15,2)) AS l_extendedprice
FROM lineitem JOIN orders ON o_orderkey = l_orderkey
ORDER BY o_custkey, l_shipdate, l_orderkey, l_linenumber
