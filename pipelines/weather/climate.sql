SELECT
  o.origin,
  a.name AS airport,
  CAST(o.time_hour AS DATE) AS day,
  count(*) AS hours,
  min(o.temp) AS temp_min_f,
  max(o.temp) AS temp_max_f,
  max(o.wind_speed) AS wind_max_mph,
  max(o.wind_gust) AS gust_max_mph,
  count(o.wind_gust) / count(*) AS gust_share,
  CAST(sum(CAST(o.precip AS DECIMAL(9, 4))) AS DECIMAL(12, 4)) AS precip_in
FROM observation o LEFT JOIN airport a ON a.faa = o.origin
GROUP BY ALL
