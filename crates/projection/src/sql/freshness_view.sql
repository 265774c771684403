-- How fresh a read model is, for its readers.
CREATE OR REPLACE VIEW {schema}.freshness AS
SELECT {number}::integer AS generation,
       held.topic,
       held.partition,
       held.next_offset,
       seen.log_end_offset,
       greatest(seen.log_end_offset - held.next_offset, 0) AS lag_offsets,
       -- A checkpoint that has reached the end that was seen has no lag, whatever the last heartbeat said.
       CASE WHEN held.next_offset >= seen.log_end_offset THEN 0 ELSE seen.lag_seconds END AS lag_seconds,
       seen.heartbeat_at,
       seen.state,
       seen.reason_class,
       seen.reason
  FROM {generation}.checkpoint AS held
  LEFT JOIN brainops.progress AS seen
    ON seen.read_model = '{schema}'
   AND seen.generation = {number}
   AND seen.topic = held.topic
   AND seen.partition = held.partition;

COMMENT ON VIEW {schema}.freshness IS 'One row per partition: up to where the rows of this schema are folded, and how far that is behind the log.';
COMMENT ON COLUMN {schema}.freshness.generation IS 'Number of the generation that is served.';
COMMENT ON COLUMN {schema}.freshness.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {schema}.freshness.partition IS 'Number of the partition.';
COMMENT ON COLUMN {schema}.freshness.next_offset IS 'The first offset that is not in the rows: the frontier.';
COMMENT ON COLUMN {schema}.freshness.log_end_offset IS 'The end of the log when it was last seen.';
COMMENT ON COLUMN {schema}.freshness.lag_offsets IS 'Offsets between the frontier and the end of the log.';
COMMENT ON COLUMN {schema}.freshness.lag_seconds IS 'Age in seconds of the first record that is not in the rows, as of the last heartbeat; 0 at the end of the log.';
COMMENT ON COLUMN {schema}.freshness.heartbeat_at IS 'When the process that folds was last seen alive; older than some seconds: it is gone, and the lag is not known.';
COMMENT ON COLUMN {schema}.freshness.state IS 'running or stopped; null when nobody has followed the partition yet.';
COMMENT ON COLUMN {schema}.freshness.reason_class IS 'Why it is stopped, as a class.';
COMMENT ON COLUMN {schema}.freshness.reason IS 'Why it is stopped, in words.';
