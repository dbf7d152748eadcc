-- One row for each airport of departure. A LEFT JOIN: five codes of 2001 are not in the airport list, and no flight may be lost for that.
SELECT
  $partition AS month,
  f.origin,
  a.name AS airport,
  count(*) AS flights,
  avg(f.delay_min) AS mean_delay_min,
  max(f.delay_min) AS worst_delay_min,
  count(*) FILTER (f.delay_min >= 15) / count(*) AS late_share,
  CAST(sum(f.distance_mi) AS BIGINT) AS miles
FROM flight f LEFT JOIN airport a ON a.faa = f.origin
GROUP BY ALL
