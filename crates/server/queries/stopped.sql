-- Which read models are served, and how many partitions of each have stopped?
SELECT
    g.read_model,                                       -- text
    count(*) FILTER (WHERE p.state = 'stopped') AS stopped  -- int8
FROM brainops.generation AS g
LEFT JOIN brainops.progress AS p ON p.read_model = g.read_model AND p.generation = g.generation
WHERE g.state = 'serving'
GROUP BY g.read_model
ORDER BY g.read_model
