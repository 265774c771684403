-- By how many seconds is Kafka's clock at least ahead of Postgres', and at least behind it? By the latest rows of the
-- outbox, each recorded between two moments of Postgres; and by the latest record of the index.
WITH latest AS (
    SELECT o.inserted_at, o.recorded_at, o.acked_at
    FROM brainops.outbox AS o
    WHERE o.recorded_at IS NOT NULL
        AND o.acked_at > now() - interval '1 day'
    ORDER BY o.outbox_id DESC
    LIMIT 100
)
SELECT
    extract(epoch FROM greatest(
        (SELECT max(l.recorded_at - l.acked_at) FROM latest AS l),
        (SELECT max(e.recorded_at) FROM events.event AS e) - clock_timestamp()
    ))::double precision AS ahead,                                                              -- float8, nullable
    -- Kafka stamps whole milliseconds.
    (SELECT extract(epoch FROM max(l.inserted_at - l.recorded_at)) - 0.001 FROM latest AS l)::double precision AS behind -- float8, nullable
