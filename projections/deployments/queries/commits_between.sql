-- Which commits does one commit lead to that another one does not, the latest first? As git rev-list <$1> ^<$2>; no rows also when no imported
-- repository holds both.
--
-- $1 text    sha, such as of a deployment that went wrong
-- $2 text    sha to go back to
-- $3 bigint  most rows to return, at least 1
WITH RECURSIVE place AS (
    SELECT min(head.repository) AS repository
    FROM deployments.commit AS head
    JOIN deployments.commit AS base ON base.repository = head.repository
    WHERE head.sha = $1::text AND base.sha = $2::text
),
old AS (
    SELECT c.sha, c.parents
    FROM place
    JOIN deployments.commit AS c ON c.repository = place.repository AND c.sha = $2::text
    UNION
    SELECT c.sha, c.parents
    FROM place
    CROSS JOIN old
    JOIN deployments.commit AS c ON c.repository = place.repository AND c.sha = ANY (old.parents)
),
brought_in AS (
    SELECT c.sha, c.parents
    FROM place
    JOIN deployments.commit AS c ON c.repository = place.repository AND c.sha = $1::text
    WHERE NOT EXISTS (SELECT FROM old WHERE old.sha = c.sha)
    UNION
    SELECT c.sha, c.parents
    FROM place
    CROSS JOIN brought_in
    JOIN deployments.commit AS c ON c.repository = place.repository AND c.sha = ANY (brought_in.parents)
    WHERE NOT EXISTS (SELECT FROM old WHERE old.sha = c.sha)
)
SELECT
    c.repository,           -- text
    c.sha,                  -- text
    c.committed_at,         -- timestamptz
    c.insertions,           -- int8
    c.deletions,            -- int8
    c.paths,                -- text[]
    c.paths_complete,       -- bool
    -- bool: whether all of its parents are imported, so that nothing behind it is missing
    NOT EXISTS (
        SELECT FROM unnest(c.parents) AS parent (sha)
        WHERE NOT EXISTS (
            SELECT FROM deployments.commit AS p WHERE p.repository = c.repository AND p.sha = parent.sha
        )
    ) AS is_whole
FROM place
CROSS JOIN brought_in
JOIN deployments.commit AS c ON c.repository = place.repository AND c.sha = brought_in.sha
ORDER BY c.committed_at DESC, c.sha
LIMIT $3::bigint
