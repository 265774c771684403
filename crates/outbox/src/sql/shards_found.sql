SELECT coalesce(max(shards), 0::smallint) AS shards,
    coalesce(max(epoch), 0) AS epoch,
    coalesce(bool_or(lease_until > clock_timestamp()), false) AS leased,
    (SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL) AS pending
FROM brainops.outbox_shard
