-- Notes each move of a checkpoint as it happens, and who made it. Ids are given behind the row's lock, so those of one
-- partition are in the order of the commits; what is rolled back leaves no trace.
CREATE SCHEMA watch;
CREATE TABLE watch.move (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    worker    text,
    topic     text    NOT NULL,
    partition integer NOT NULL,
    old_next  bigint,
    new_next  bigint  NOT NULL,
    old_epoch bigint,
    new_epoch bigint  NOT NULL
);
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.move (worker, topic, partition, old_next, new_next, old_epoch, new_epoch)
    VALUES (current_setting('trial.worker', true), coalesce(TG_ARGV[0] || ' ', '') || NEW.topic, NEW.partition,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.next_offset END, NEW.next_offset,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.epoch END, NEW.epoch);
    RETURN NULL;
END
$$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE ON trial_g1.checkpoint FOR EACH ROW EXECUTE FUNCTION watch.note();
CREATE TRIGGER watch AFTER INSERT OR UPDATE ON brainops.saga_checkpoint FOR EACH ROW EXECUTE FUNCTION watch.note('clerk');
