-- How many events were counted more than once, and how often too many? Reads every identity: about 0.4 s per million,
-- with `enable_partitionwise_aggregate` on and so one of the 16 parts in memory at a time.
SELECT
    count(*) AS events,                                         -- int8
    coalesce(sum(r.times - 1), 0)::bigint AS times_too_many     -- int8
FROM (
    SELECT count(*) AS times
    FROM events.identity AS i
    GROUP BY i.source, i.id
    HAVING count(*) > 1
) AS r
