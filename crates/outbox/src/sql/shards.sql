-- A lease that was renewed before this Postgres started may come from a backup: it says nothing.
SELECT shard, holder, epoch,
    CASE WHEN isfinite(lease_until)
        THEN extract(epoch FROM lease_until - clock_timestamp())::double precision ELSE -1 END AS lease_seconds_left,
    opened_epoch = epoch AND epoch > 0 AND lease_until > clock_timestamp()
        AND renewed_at > pg_postmaster_start_time() AS open
FROM brainops.outbox_shard
ORDER BY shard
