SELECT * REPLACE (CAST(l_extendedprice * (1 - l_discount) AS DECIMAL(15,2)) AS l_extendedprice)
FROM lineitem
WHERE l_shipdate <= DATE '1998-09-02'
