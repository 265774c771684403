-- Epochs go on from the highest, so that a relay of another number of shards never has a valid one.
WITH gone AS (
    DELETE FROM brainops.outbox_shard WHERE shard >= $1
)
INSERT INTO brainops.outbox_shard (shard, shards, epoch)
SELECT number, $1, $2 FROM generate_series(0, $1 - 1) AS number
ON CONFLICT (shard) DO UPDATE SET shards = excluded.shards, epoch = excluded.epoch + 1
