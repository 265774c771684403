-- Pauses a generation, if it is not paused yet and the caller still owns a partition of it where it left it.
UPDATE brainops.generation
   SET pauses = pauses + 1,
       paused_at = now(),
       paused_reason = $7
 WHERE read_model = $1
   AND generation = $2
   AND paused_at IS NULL
   AND EXISTS (SELECT FROM {generation}.checkpoint AS held
                WHERE held.topic = $3 AND held.partition = $4 AND held.epoch = $5 AND held.next_offset = $6)
