-- Derived views of the read model `deployments`, over the base views of the serving generation only.
-- A function runs with the caller's rights: whoever may read these views may run it, and it reads nothing else.
-- Times are times of happening. Weeks are ISO weeks in UTC and start on Monday.

CREATE OR REPLACE VIEW deployments.success AS
SELECT
    found.service,
    found.environment,
    found.deployment_id,
    found.sha,
    found.succeeded_at,
    found.previous_deployment_id,
    found.previous_sha,
    found.is_first,
    found.repository,
    found.repository IS NULL
        OR (NOT found.is_first AND NOT EXISTS (
            SELECT FROM deployments.commit AS c
            WHERE c.repository = found.repository AND c.sha = found.previous_sha
        )) AS unknown_sha
FROM (
    SELECT
        ordered.*,
        -- A commit id names one history wherever it is stored, so a repository of another name is as good.
        (
            SELECT c.repository FROM deployments.commit AS c
            WHERE c.sha = ordered.sha
            ORDER BY (c.repository IS NOT DISTINCT FROM ordered.named_repository) DESC, c.repository COLLATE "C"
            LIMIT 1
        ) AS repository
    FROM (
        SELECT
            d.service,
            d.environment,
            d.deployment_id,
            d.repository AS named_repository,
            d.sha,
            d.succeeded_at,
            lag(d.deployment_id) OVER earlier AS previous_deployment_id,
            lag(d.sha) OVER earlier AS previous_sha,
            row_number() OVER earlier = 1 AS is_first
        FROM deployments.deployment AS d
        WHERE d.succeeded_at IS NOT NULL
        WINDOW earlier AS (
            PARTITION BY d.service, d.environment ORDER BY d.succeeded_at, d.deployment_id COLLATE "C"
        )
    ) AS ordered
) AS found;

COMMENT ON VIEW deployments.success IS 'Deployments that succeeded, rolled back later or not, each with the success before it in the same service and environment by time of happening (of equal times the smaller id, byte by byte, comes first).';
COMMENT ON COLUMN deployments.success.service IS 'Name of the deployed service.';
COMMENT ON COLUMN deployments.success.environment IS 'Name of the environment.';
COMMENT ON COLUMN deployments.success.deployment_id IS 'Id of the deployment.';
COMMENT ON COLUMN deployments.success.sha IS 'Commit that was deployed.';
COMMENT ON COLUMN deployments.success.succeeded_at IS 'When it succeeded.';
COMMENT ON COLUMN deployments.success.previous_deployment_id IS 'Deployment of the previous success; null for the first.';
COMMENT ON COLUMN deployments.success.previous_sha IS 'Commit of the previous success; null for the first.';
COMMENT ON COLUMN deployments.success.is_first IS 'True for the first success of its service and environment.';
COMMENT ON COLUMN deployments.success.repository IS 'Imported repository that holds the commit: the one the deployment names if it does, else the first by name; null when no imported repository holds it.';
COMMENT ON COLUMN deployments.success.unknown_sha IS 'True when its commit is not imported, or the previous success''s commit is not imported into the same repository: what it brought in cannot be told.';

CREATE OR REPLACE FUNCTION deployments.walk_new_commits(in_repository text)
RETURNS TABLE (
    service text, environment text, deployment_id text, is_first boolean,
    succeeded_at timestamptz, sha text, committed_at timestamptz
)
LANGUAGE plpgsql STABLE ROWS 5000 COST 1000000
SET search_path = pg_catalog, pg_temp
-- A generic plan guesses ten elements for each array and joins them with nested loops: seconds instead of milliseconds.
SET plan_cache_mode = force_custom_plan
AS $walk$
-- Walks the commits of a repository once, children before parents, and carries from child to parent two rows of
-- bits, one bit per deployment, side by side in one bit string: "the deployment's commit leads here" in the first
-- half, "its previous success's commit leads here" in the second. A commit is new in the deployments whose bit is
-- set in the first half and not in the second. Committer times do not order commits; counting children does.
#variable_conflict use_column
DECLARE
    services text[]; environments text[]; deployments text[]; firsts boolean[]; successes timestamptz[];
    heads integer[]; bases integer[];           -- per deployment: number of its commit and of its predecessor's
    width integer;                              -- number of deployments, half the length of a bit string
    shas text[]; times timestamptz[];           -- per commit
    edges integer[]; edge_ends integer[];       -- parents of commit n: edges[edge_ends[n - 1] + 1 .. edge_ends[n]]
    waiting integer[];                          -- per commit: children not yet walked
    marks bit varying[];                        -- per commit: the two rows of bits; null where nothing leads
    ready integer[];                            -- stack of commits all of whose children are walked
    top integer;
    node integer; parent integer; mark bit varying; news bit varying; place integer; edge_end integer := 0;
BEGIN
    SELECT array_agg(c.sha ORDER BY c.sha COLLATE "C"), array_agg(c.committed_at ORDER BY c.sha COLLATE "C")
    INTO shas, times
    FROM deployments.commit AS c
    WHERE c.repository = in_repository;

    WITH numbered AS MATERIALIZED (SELECT s.sha, s.number::integer FROM unnest(shas) WITH ORDINALITY AS s (sha, number))
    SELECT
        array_agg(t.service), array_agg(t.environment), array_agg(t.deployment_id), array_agg(t.is_first),
        array_agg(t.succeeded_at), array_agg(head.number), array_agg(base.number), count(*)
    INTO services, environments, deployments, firsts, successes, heads, bases, width
    FROM deployments.success AS t
    JOIN numbered AS head ON head.sha = t.sha
    LEFT JOIN numbered AS base ON base.sha = t.previous_sha
    WHERE t.repository = in_repository AND NOT t.unknown_sha;

    IF width = 0 THEN
        RETURN;
    END IF;

    WITH numbered AS MATERIALIZED (SELECT s.sha, s.number::integer FROM unnest(shas) WITH ORDINALITY AS s (sha, number)),
    edge AS MATERIALIZED (
        SELECT child.number AS child, parent.number AS parent
        FROM deployments.commit AS c
        JOIN numbered AS child ON child.sha = c.sha
        CROSS JOIN LATERAL unnest(c.parents) AS p (sha)
        JOIN numbered AS parent ON parent.sha = p.sha
        WHERE c.repository = in_repository
    ),
    counted AS (
        SELECT
            n.number,
            sum(coalesce(down.edges, 0)) OVER (ORDER BY n.number) AS edge_end,
            coalesce(up.children, 0) AS children
        FROM numbered AS n
        LEFT JOIN (SELECT e.child, count(*) AS edges FROM edge AS e GROUP BY e.child) AS down ON down.child = n.number
        LEFT JOIN (SELECT e.parent, count(*) AS children FROM edge AS e GROUP BY e.parent) AS up ON up.parent = n.number
    )
    SELECT
        array_agg(c.edge_end::integer ORDER BY c.number),
        array_agg(c.children::integer ORDER BY c.number),
        array_agg(c.number) FILTER (WHERE c.children = 0),
        count(*) FILTER (WHERE c.children = 0),
        (SELECT array_agg(e.parent ORDER BY e.child) FROM edge AS e),
        array_agg(NULL::bit varying)
    INTO edge_ends, waiting, ready, top, edges, marks
    FROM counted AS c;

    FOR place IN 1 .. width LOOP
        mark := coalesce(marks[heads[place]], repeat('0', 2 * width)::bit varying);
        marks[heads[place]] := set_bit(mark, place - 1, 1);
        IF bases[place] IS NOT NULL THEN
            mark := coalesce(marks[bases[place]], repeat('0', 2 * width)::bit varying);
            marks[bases[place]] := set_bit(mark, width + place - 1, 1);
        END IF;
    END LOOP;

    WHILE top > 0 LOOP
        node := ready[top];
        top := top - 1;
        mark := marks[node];
        marks[node] := NULL;
        IF mark IS NOT NULL THEN
            news := substring(mark FROM 1 FOR width) & ~substring(mark FROM width + 1);
            place := position(B'1' IN news);
            WHILE place > 0 LOOP
                service := services[place];
                environment := environments[place];
                deployment_id := deployments[place];
                is_first := firsts[place];
                succeeded_at := successes[place];
                sha := shas[node];
                committed_at := times[node];
                RETURN NEXT;
                news := set_bit(news, place - 1, 0);
                place := position(B'1' IN news);
            END LOOP;
        END IF;
        FOR edge IN coalesce(edge_ends[node - 1], 0) + 1 .. edge_ends[node] LOOP
            parent := edges[edge];
            IF mark IS NOT NULL THEN
                marks[parent] := CASE WHEN marks[parent] IS NULL THEN mark ELSE marks[parent] | mark END;
            END IF;
            waiting[parent] := waiting[parent] - 1;
            IF waiting[parent] = 0 THEN
                top := top + 1;
                ready[top] := parent;
            END IF;
        END LOOP;
    END LOOP;
END
$walk$;

COMMENT ON FUNCTION deployments.walk_new_commits(text) IS 'The commits that each success of a repository brought in: reachable from its commit and not from the previous success''s. One walk over the repository''s commits answers for all its deployments.';

CREATE OR REPLACE VIEW deployments.new_commits AS
SELECT
    walked.repository,
    brought.service,
    brought.environment,
    brought.deployment_id,
    brought.is_first,
    brought.succeeded_at,
    brought.sha,
    brought.committed_at,
    extract(epoch FROM brought.succeeded_at - brought.committed_at)::double precision AS lead_time_seconds
FROM (SELECT DISTINCT s.repository FROM deployments.success AS s WHERE NOT s.unknown_sha) AS walked
CROSS JOIN LATERAL deployments.walk_new_commits(walked.repository) AS brought;

COMMENT ON VIEW deployments.new_commits IS 'Which commits a success brought in: exactly what git rev-list lists for its commit without those of the previous success''s, and for the first success everything that its commit leads to. Successes with unknown_sha bring in nothing.';
COMMENT ON COLUMN deployments.new_commits.repository IS 'Imported repository that holds the commits.';
COMMENT ON COLUMN deployments.new_commits.service IS 'Name of the deployed service.';
COMMENT ON COLUMN deployments.new_commits.environment IS 'Name of the environment.';
COMMENT ON COLUMN deployments.new_commits.deployment_id IS 'Deployment that brought the commit in.';
COMMENT ON COLUMN deployments.new_commits.is_first IS 'True when that deployment is the first success of its service and environment.';
COMMENT ON COLUMN deployments.new_commits.succeeded_at IS 'When that deployment succeeded.';
COMMENT ON COLUMN deployments.new_commits.sha IS 'Commit that was brought in.';
COMMENT ON COLUMN deployments.new_commits.committed_at IS 'Its committer time.';
COMMENT ON COLUMN deployments.new_commits.lead_time_seconds IS 'Seconds from committed_at to succeeded_at; negative when the committer''s clock was ahead.';

CREATE OR REPLACE VIEW deployments.outcome AS
SELECT
    ended.service,
    ended.environment,
    ended.deployment_id,
    ended.sha,
    ended.status,
    ended.finished_at,
    date_trunc('week', ended.finished_at AT TIME ZONE 'UTC')::date AS week,
    extract(epoch FROM ended.finished_at - ended.started_at)::double precision AS duration_seconds,
    ended.succeeded_at,
    success.is_first,
    success.unknown_sha,
    ended.failure_at,
    restoring.deployment_id AS restored_by_deployment_id,
    restoring.succeeded_at AS restored_at,
    extract(epoch FROM restoring.succeeded_at - ended.failure_at)::double precision AS restore_seconds
FROM (
    SELECT
        d.service, d.environment, d.deployment_id, d.sha, d.status, d.started_at, d.succeeded_at,
        coalesce(d.finished_at, d.rolled_back_at) AS finished_at,
        CASE d.status WHEN 'failed' THEN d.failed_at WHEN 'rolled_back' THEN d.rolled_back_at END AS failure_at
    FROM deployments.deployment AS d
    WHERE d.status <> 'started'
) AS ended
LEFT JOIN deployments.success AS success
    ON success.service = ended.service
    AND success.environment = ended.environment
    AND success.deployment_id = ended.deployment_id
LEFT JOIN LATERAL (
    SELECT later.deployment_id, later.succeeded_at
    FROM deployments.deployment AS later
    WHERE later.service = ended.service
        AND later.environment = ended.environment
        AND later.succeeded_at > ended.failure_at
    ORDER BY later.succeeded_at, later.deployment_id COLLATE "C"
    LIMIT 1
) AS restoring ON true;

COMMENT ON VIEW deployments.outcome IS 'Finished deployments with what DORA asks of each: its week, whether it failed, and when a success followed.';
COMMENT ON COLUMN deployments.outcome.service IS 'Name of the deployed service.';
COMMENT ON COLUMN deployments.outcome.environment IS 'Name of the environment.';
COMMENT ON COLUMN deployments.outcome.deployment_id IS 'Id of the deployment.';
COMMENT ON COLUMN deployments.outcome.sha IS 'Commit that was deployed.';
COMMENT ON COLUMN deployments.outcome.status IS 'succeeded, failed or rolled_back.';
COMMENT ON COLUMN deployments.outcome.finished_at IS 'When it finished; when only its rollback is known, when it was rolled back.';
COMMENT ON COLUMN deployments.outcome.week IS 'Monday (UTC) of the ISO week of finished_at.';
COMMENT ON COLUMN deployments.outcome.duration_seconds IS 'Seconds from its start to its finish; null when nobody said when it started.';
COMMENT ON COLUMN deployments.outcome.succeeded_at IS 'When it succeeded, rolled back later or not; null when it did not.';
COMMENT ON COLUMN deployments.outcome.is_first IS 'True for the first success of its service and environment; null when it did not succeed.';
COMMENT ON COLUMN deployments.outcome.unknown_sha IS 'As in success; null when it did not succeed.';
COMMENT ON COLUMN deployments.outcome.failure_at IS 'When it failed or was rolled back; null when its status is succeeded.';
COMMENT ON COLUMN deployments.outcome.restored_by_deployment_id IS 'The next success of the same service and environment after the failure; null when there is none.';
COMMENT ON COLUMN deployments.outcome.restored_at IS 'When that success happened.';
COMMENT ON COLUMN deployments.outcome.restore_seconds IS 'Seconds from failure_at to restored_at.';

CREATE OR REPLACE VIEW deployments.dora_figures AS
-- Materialized, so that no plan walks a repository more than once per query.
WITH brought AS MATERIALIZED (
    SELECT n.service, n.environment, n.deployment_id, n.lead_time_seconds
    FROM deployments.new_commits AS n
    WHERE NOT n.is_first
),
outcomes AS MATERIALIZED (
    SELECT o.* FROM deployments.outcome AS o
)
SELECT
    counted.service,
    counted.environment,
    counted.week,
    counted.first_finished_at,
    counted.last_finished_at,
    counted.finished,
    counted.succeeded,
    counted.failed,
    counted.rolled_back,
    counted.unknown_sha,
    led.median_seconds AS lead_time_median_seconds,
    coalesce(led.commits, 0) AS lead_time_commits,
    CASE
        WHEN led.commits > 0 THEN NULL
        WHEN counted.succeeded = 0 THEN 'no deployment succeeded'
        WHEN counted.succeeded = counted.first_successes THEN 'needs at least two successful deployments'
        WHEN counted.unknown_sha > 0 THEN 'the deployed commits are not imported'
        ELSE 'no deployment brought in a new commit'
    END AS lead_time_na_reason,
    (counted.failed + counted.rolled_back)::double precision / counted.finished AS failure_rate,
    counted.restore_median_seconds,
    counted.restored,
    CASE
        WHEN counted.restored > 0 THEN NULL
        WHEN counted.failed + counted.rolled_back = 0 THEN 'no deployment failed'
        ELSE 'no failed deployment was restored'
    END AS restore_na_reason
FROM (
    SELECT
        o.service,
        o.environment,
        o.week,
        min(o.finished_at) AS first_finished_at,
        max(o.finished_at) AS last_finished_at,
        count(*) AS finished,
        count(o.succeeded_at) AS succeeded,
        count(*) FILTER (WHERE o.is_first) AS first_successes,
        count(*) FILTER (WHERE o.status = 'failed') AS failed,
        count(*) FILTER (WHERE o.status = 'rolled_back') AS rolled_back,
        count(*) FILTER (WHERE o.unknown_sha) AS unknown_sha,
        count(o.restored_at) AS restored,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY o.restore_seconds) AS restore_median_seconds
    FROM outcomes AS o
    GROUP BY GROUPING SETS ((o.service, o.environment), (o.service, o.environment, o.week))
) AS counted
LEFT JOIN (
    SELECT
        o.service,
        o.environment,
        o.week,
        count(*) AS commits,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY n.lead_time_seconds) AS median_seconds
    FROM brought AS n
    JOIN outcomes AS o
        ON o.service = n.service AND o.environment = n.environment AND o.deployment_id = n.deployment_id
    GROUP BY GROUPING SETS ((o.service, o.environment), (o.service, o.environment, o.week))
) AS led
    ON led.service = counted.service
    AND led.environment = counted.environment
    -- The row over all weeks has no week; a date that cannot be a week lets equality join it.
    AND coalesce(led.week, 'infinity') = coalesce(counted.week, 'infinity');

COMMENT ON VIEW deployments.dora_figures IS 'The figures behind dora and dora_weekly: per service and environment one row over all weeks (week is null) and one per week in which a deployment finished. All figures of a row are about the deployments that finished then.';
COMMENT ON COLUMN deployments.dora_figures.service IS 'Name of the deployed service.';
COMMENT ON COLUMN deployments.dora_figures.environment IS 'Name of the environment.';
COMMENT ON COLUMN deployments.dora_figures.week IS 'Monday (UTC) of the ISO week; null in the row over all weeks.';
COMMENT ON COLUMN deployments.dora_figures.first_finished_at IS 'When the first of these deployments finished.';
COMMENT ON COLUMN deployments.dora_figures.last_finished_at IS 'When the last of these deployments finished.';
COMMENT ON COLUMN deployments.dora_figures.finished IS 'Number of deployments that finished.';
COMMENT ON COLUMN deployments.dora_figures.succeeded IS 'How many of them succeeded, rolled back later or not.';
COMMENT ON COLUMN deployments.dora_figures.failed IS 'How many of them have the status failed.';
COMMENT ON COLUMN deployments.dora_figures.rolled_back IS 'How many of them have the status rolled_back.';
COMMENT ON COLUMN deployments.dora_figures.unknown_sha IS 'How many of the successes have no known commits (see success).';
COMMENT ON COLUMN deployments.dora_figures.lead_time_median_seconds IS 'Median of lead_time_seconds over the commits that these deployments brought in, the first success of the service and environment left out; null when there are none.';
COMMENT ON COLUMN deployments.dora_figures.lead_time_commits IS 'Number of those commits; one that two deployments brought in counts twice.';
COMMENT ON COLUMN deployments.dora_figures.lead_time_na_reason IS 'Why there is no lead time; null when there is one.';
COMMENT ON COLUMN deployments.dora_figures.failure_rate IS 'Share of the finished deployments that failed or were rolled back, from 0 to 1.';
COMMENT ON COLUMN deployments.dora_figures.restore_median_seconds IS 'Median of restore_seconds over the failed and rolled back ones that a success followed; null when there are none.';
COMMENT ON COLUMN deployments.dora_figures.restored IS 'Number of failed and rolled back ones that a success followed.';
COMMENT ON COLUMN deployments.dora_figures.restore_na_reason IS 'Why there is no time to restore; null when there is one.';

CREATE OR REPLACE VIEW deployments.dora AS
SELECT
    e.service,
    e.environment,
    f.first_finished_at,
    f.last_finished_at,
    spanned.weeks,
    coalesce(f.finished, 0) AS finished,
    coalesce(f.succeeded, 0) AS succeeded,
    coalesce(f.failed, 0) AS failed,
    coalesce(f.rolled_back, 0) AS rolled_back,
    coalesce(f.unknown_sha, 0) AS unknown_sha,
    f.succeeded::double precision / spanned.weeks AS deployments_per_week,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' END AS deployments_per_week_na_reason,
    f.lead_time_median_seconds,
    coalesce(f.lead_time_commits, 0) AS lead_time_commits,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' ELSE f.lead_time_na_reason END AS lead_time_na_reason,
    f.failure_rate,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' END AS failure_rate_na_reason,
    f.restore_median_seconds,
    coalesce(f.restored, 0) AS restored,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' ELSE f.restore_na_reason END AS restore_na_reason
FROM deployments.environment AS e
LEFT JOIN deployments.dora_figures AS f
    ON f.service = e.service AND f.environment = e.environment AND f.week IS NULL
LEFT JOIN LATERAL (
    SELECT (
        date_trunc('week', f.last_finished_at AT TIME ZONE 'UTC')::date
        - date_trunc('week', f.first_finished_at AT TIME ZONE 'UTC')::date
    ) / 7 + 1 AS weeks
) AS spanned ON true;

COMMENT ON VIEW deployments.dora IS 'The four DORA figures per service and environment over all time. A figure that cannot be given is null and says why.';
COMMENT ON COLUMN deployments.dora.service IS 'Name of the deployed service.';
COMMENT ON COLUMN deployments.dora.environment IS 'Name of the environment.';
COMMENT ON COLUMN deployments.dora.first_finished_at IS 'When the first deployment finished.';
COMMENT ON COLUMN deployments.dora.last_finished_at IS 'When the last deployment finished.';
COMMENT ON COLUMN deployments.dora.weeks IS 'Number of ISO weeks (UTC) from the first to the last finish, both included.';
COMMENT ON COLUMN deployments.dora.finished IS 'Number of deployments that finished.';
COMMENT ON COLUMN deployments.dora.succeeded IS 'How many of them succeeded, rolled back later or not.';
COMMENT ON COLUMN deployments.dora.failed IS 'How many of them have the status failed.';
COMMENT ON COLUMN deployments.dora.rolled_back IS 'How many of them have the status rolled_back.';
COMMENT ON COLUMN deployments.dora.unknown_sha IS 'How many of the successes are left out of the lead time because their commit, or the previous success''s, is not imported.';
COMMENT ON COLUMN deployments.dora.deployments_per_week IS 'Deployment frequency: succeeded divided by weeks.';
COMMENT ON COLUMN deployments.dora.deployments_per_week_na_reason IS 'Why there is no frequency; null when there is one.';
COMMENT ON COLUMN deployments.dora.lead_time_median_seconds IS 'Lead time for changes: median seconds from commit to success over the commits new since the previous success, the first success left out.';
COMMENT ON COLUMN deployments.dora.lead_time_commits IS 'Number of commits behind the lead time; one that two deployments brought in counts twice.';
COMMENT ON COLUMN deployments.dora.lead_time_na_reason IS 'Why there is no lead time; null when there is one.';
COMMENT ON COLUMN deployments.dora.failure_rate IS 'Change failure rate: (failed + rolled_back) / finished, from 0 to 1.';
COMMENT ON COLUMN deployments.dora.failure_rate_na_reason IS 'Why there is no failure rate; null when there is one.';
COMMENT ON COLUMN deployments.dora.restore_median_seconds IS 'Time to restore: median seconds from a failure or rollback to the next success.';
COMMENT ON COLUMN deployments.dora.restored IS 'Number of failed and rolled back deployments that a success followed.';
COMMENT ON COLUMN deployments.dora.restore_na_reason IS 'Why there is no time to restore; null when there is one.';

CREATE OR REPLACE VIEW deployments.dora_weekly AS
WITH figures AS MATERIALIZED (
    SELECT f.* FROM deployments.dora_figures AS f
),
weeks AS (
    SELECT f.service, f.environment, series.week::date AS week
    FROM figures AS f
    CROSS JOIN LATERAL generate_series(
        date_trunc('week', f.first_finished_at AT TIME ZONE 'UTC'),
        date_trunc('week', f.last_finished_at AT TIME ZONE 'UTC'),
        interval '7 days'
    ) AS series (week)
    WHERE f.week IS NULL
)
SELECT
    w.service,
    w.environment,
    w.week,
    to_char(w.week, 'IYYY-"W"IW') AS iso_week,
    coalesce(f.finished, 0) AS finished,
    coalesce(f.succeeded, 0) AS succeeded,
    coalesce(f.failed, 0) AS failed,
    coalesce(f.rolled_back, 0) AS rolled_back,
    coalesce(f.unknown_sha, 0) AS unknown_sha,
    coalesce(f.succeeded, 0)::double precision AS deployments_per_week,
    f.lead_time_median_seconds,
    coalesce(f.lead_time_commits, 0) AS lead_time_commits,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' ELSE f.lead_time_na_reason END AS lead_time_na_reason,
    f.failure_rate,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' END AS failure_rate_na_reason,
    f.restore_median_seconds,
    coalesce(f.restored, 0) AS restored,
    CASE WHEN f.finished IS NULL THEN 'no deployment finished' ELSE f.restore_na_reason END AS restore_na_reason
FROM weeks AS w
LEFT JOIN figures AS f ON f.service = w.service AND f.environment = w.environment AND f.week = w.week;

COMMENT ON VIEW deployments.dora_weekly IS 'The four DORA figures per service, environment and ISO week (UTC) in which a deployment finished, and the weeks between them.';
COMMENT ON COLUMN deployments.dora_weekly.service IS 'Name of the deployed service.';
COMMENT ON COLUMN deployments.dora_weekly.environment IS 'Name of the environment.';
COMMENT ON COLUMN deployments.dora_weekly.week IS 'Monday (UTC) of the week.';
COMMENT ON COLUMN deployments.dora_weekly.iso_week IS 'The week as ISO 8601 writes it, such as 2026-W05.';
COMMENT ON COLUMN deployments.dora_weekly.finished IS 'Number of deployments that finished in the week.';
COMMENT ON COLUMN deployments.dora_weekly.succeeded IS 'How many of them succeeded, rolled back later or not.';
COMMENT ON COLUMN deployments.dora_weekly.failed IS 'How many of them have the status failed.';
COMMENT ON COLUMN deployments.dora_weekly.rolled_back IS 'How many of them have the status rolled_back, whenever that happened.';
COMMENT ON COLUMN deployments.dora_weekly.unknown_sha IS 'How many of the successes are left out of the lead time because their commit, or the previous success''s, is not imported.';
COMMENT ON COLUMN deployments.dora_weekly.deployments_per_week IS 'Deployment frequency: equals succeeded.';
COMMENT ON COLUMN deployments.dora_weekly.lead_time_median_seconds IS 'Lead time for changes of the week''s deployments, in seconds, as in dora.';
COMMENT ON COLUMN deployments.dora_weekly.lead_time_commits IS 'Number of commits behind the lead time.';
COMMENT ON COLUMN deployments.dora_weekly.lead_time_na_reason IS 'Why there is no lead time; null when there is one.';
COMMENT ON COLUMN deployments.dora_weekly.failure_rate IS 'Change failure rate of the week''s deployments, from 0 to 1.';
COMMENT ON COLUMN deployments.dora_weekly.failure_rate_na_reason IS 'Why there is no failure rate; null when there is one.';
COMMENT ON COLUMN deployments.dora_weekly.restore_median_seconds IS 'Time to restore after the failures among the week''s deployments, in seconds, as in dora.';
COMMENT ON COLUMN deployments.dora_weekly.restored IS 'Number of them that a success followed, in this week or later.';
COMMENT ON COLUMN deployments.dora_weekly.restore_na_reason IS 'Why there is no time to restore; null when there is one.';
