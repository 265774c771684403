CREATE OR REPLACE FUNCTION {schema}.times_of(of_subject text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT m.times FROM {schema}.metric AS m WHERE m.subject = of_subject);
END
$$;
CREATE OR REPLACE VIEW {schema}.busy AS
SELECT m.subject, {schema}.times_of(m.subject) AS times FROM {schema}.metric AS m WHERE m.times > 1;
COMMENT ON VIEW {schema}.busy IS 'Subjects with more than one figure.';
COMMENT ON COLUMN {schema}.busy.subject IS 'The subject.';
COMMENT ON COLUMN {schema}.busy.times IS 'How many figures.';
