-- One row for each station and UTC day: extremes, the share of hours with a measured gust, and the rain, in Fahrenheit, miles an hour and inches.
SELECT
  o.origin,
  a.name AS airport,
  CAST(o.time_hour AS DATE) AS day,
  count(*) AS hours,
  min(o.temp) AS temp_min_f,
  max(o.temp) AS temp_max_f,
  -- The source has 1048 mph at Newark on 12 February 2013: no wind blows at more than 200.
  max(o.wind_speed) FILTER (o.wind_speed <= 200) AS wind_max_mph,
  max(o.wind_gust) AS gust_max_mph,
  count(o.wind_gust) / count(*) AS gust_share,
  CAST(sum(CAST(o.precip AS DECIMAL(9, 4))) AS DECIMAL(12, 4)) AS precip_in
FROM observation o LEFT JOIN airport a ON a.faa = o.origin
GROUP BY ALL
