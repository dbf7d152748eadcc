-- One row for each region and UTC day, over the day and the two before it (lookback): the rolling energy needs them.
SELECT
  region,
  CAST(time AS DATE) AS day,
  count(*) AS quakes,
  count(*) FILTER (magnitude >= $strong) AS strong_quakes,
  max(magnitude) AS strongest,
  -- Sums of decimals are exact: a sum of floats has other last digits in another order of rows, and may then round the other way.
  sum(CAST(depth_km AS DECIMAL(9, 3))) / count(depth_km) AS mean_depth_km,
  -- Gutenberg and Richter: the radiated energy of a magnitude, in whole joules. Those of magnitude 9.5 do not fit BIGINT.
  coalesce(sum(CAST(round(pow(10, 1.5 * magnitude + 4.8)) AS DECIMAL(38, 0))), 0) AS energy
FROM quake
WHERE kind = 'earthquake'
GROUP BY ALL
