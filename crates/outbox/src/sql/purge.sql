-- Looks at the next rows by number and removes those whose time has passed; their positions move to the reservation.
WITH looked AS MATERIALIZED (
    SELECT outbox_id, log_offset, acked_at, inserted_at
    FROM brainops.outbox
    WHERE outbox_id > $1
    ORDER BY outbox_id
    LIMIT $3
), gone AS (
    DELETE FROM brainops.outbox AS row
    USING looked
    WHERE row.outbox_id = looked.outbox_id AND looked.log_offset IS NOT NULL
        AND looked.acked_at <= clock_timestamp() - $2 * interval '1 second'
    RETURNING row.outbox_id, row.log_offset, row.recorded_at
), forgotten AS (
    DELETE FROM brainops.outbox_record AS record
    USING gone
    WHERE record.outbox_id = gone.outbox_id
    RETURNING record.source, record.id, gone.log_offset, gone.recorded_at
), moved AS (
    UPDATE brainops.reservation
    SET outbox_id = NULL, log_offset = forgotten.log_offset, recorded_at = forgotten.recorded_at
    FROM forgotten
    WHERE reservation.source = forgotten.source AND reservation.id = forgotten.id
)
SELECT count(*) AS looked, max(outbox_id) AS last, (SELECT count(*) FROM gone) AS gone,
    bool_and(inserted_at > clock_timestamp() - $2 * interval '1 second') AS all_young
FROM looked
