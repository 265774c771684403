-- Which generation of each read model is served?
SELECT
    g.read_model,   -- text
    g.generation,   -- int4
    g.fold_version, -- int4
    g.created_at    -- timestamptz
FROM brainops.generation AS g
WHERE g.state = 'serving'
ORDER BY g.read_model
