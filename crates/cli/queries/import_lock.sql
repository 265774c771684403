-- Takes the lock of a source for this session, if nobody holds it.
--
-- $1 text  source
SELECT pg_try_advisory_lock(hashtextextended('brainops.import.' || $1, 0)) AS taken -- bool
