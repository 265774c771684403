-- Counts calls by caller and hour; answers with how many there are now.
INSERT INTO brainops.tool_asked AS asked (caller, hour, calls)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[])
 ORDER BY 1, 2
    ON CONFLICT (caller, hour) DO UPDATE SET calls = asked.calls + excluded.calls
RETURNING caller, hour, calls
