-- One row for each region and UTC day, over the day and the two before it (lookback): the rolling energy needs them.
SELECT
  region,
  CAST(time AS DATE) AS day,
  count(*) AS quakes,
  count(*) FILTER (magnitude >= $strong) AS strong_quakes,
  max(magnitude) AS strongest,
  avg(depth_km) AS mean_depth_km,
  -- Gutenberg and Richter: joules of the radiated energy of a magnitude.
  coalesce(sum(pow(10, 1.5 * magnitude + 4.8)), 0.0) AS energy
FROM quake
WHERE kind = 'earthquake'
GROUP BY ALL
