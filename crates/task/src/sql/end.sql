-- Marks a task as ended, with the event that says so: $3 state. When and where it ended follows from the log.
UPDATE brainops.task SET state = $3, payload = NULL WHERE source = $1 AND id = $2
