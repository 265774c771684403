-- Tables of one generation of the read model `deployments`. `{generation}` is the generation's schema.
-- A row belongs to one subject of one topic and is written only by the fold of that subject's events.

CREATE TABLE {generation}.commit (
    repository          text        NOT NULL,
    sha                 text        NOT NULL,
    parents             text[]      NOT NULL,
    committed_at        timestamptz NOT NULL,
    authored_at         timestamptz NOT NULL,
    author_id           text        NOT NULL,
    author_name         text,
    author_email        text,
    message             text,
    files_changed       integer     NOT NULL,
    insertions          bigint      NOT NULL,
    deletions           bigint      NOT NULL,
    paths               text[]      NOT NULL,
    paths_complete      boolean     NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (repository, sha)
);
-- A deployment may name no repository, or another clone's: its commit is then found by its id alone.
CREATE INDEX ON {generation}.commit (sha);

COMMENT ON TABLE {generation}.commit IS 'Commits of the imported repositories. One row per repository and commit, from git.commit.created.';
COMMENT ON COLUMN {generation}.commit.repository IS 'Opaque name of the repository, stable across clones.';
COMMENT ON COLUMN {generation}.commit.sha IS 'Full commit id, lower-case hexadecimal.';
COMMENT ON COLUMN {generation}.commit.parents IS 'Commit ids of the parents in their order; empty for a root commit. A parent need not be imported.';
COMMENT ON COLUMN {generation}.commit.committed_at IS 'Committer time as the committer''s clock gave it; a child may carry an earlier time than its parent.';
COMMENT ON COLUMN {generation}.commit.authored_at IS 'Author time as the author''s clock gave it.';
COMMENT ON COLUMN {generation}.commit.author_id IS 'Opaque id of the author: the same person has the same id in every repository of this installation.';
COMMENT ON COLUMN {generation}.commit.author_name IS 'Author name, sealed: a token that only the key''s holder can open. Null when not given.';
COMMENT ON COLUMN {generation}.commit.author_email IS 'Author e-mail address, sealed: a token that only the key''s holder can open. Null when not given.';
COMMENT ON COLUMN {generation}.commit.message IS 'Commit message, sealed: a token that only the key''s holder can open. Null when not given.';
COMMENT ON COLUMN {generation}.commit.files_changed IS 'Number of files changed against the first parent.';
COMMENT ON COLUMN {generation}.commit.insertions IS 'Lines added against the first parent.';
COMMENT ON COLUMN {generation}.commit.deletions IS 'Lines removed against the first parent.';
COMMENT ON COLUMN {generation}.commit.paths IS 'Paths changed against the first parent, at most 500.';
COMMENT ON COLUMN {generation}.commit.paths_complete IS 'False when more paths changed than are listed.';
COMMENT ON COLUMN {generation}.commit.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.commit.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.commit.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.branch (
    repository          text        NOT NULL,
    branch              text        NOT NULL,
    sha                 text,
    previous_sha        text,
    forced              boolean     NOT NULL,
    updated_at          timestamptz NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (repository, branch)
);

COMMENT ON TABLE {generation}.branch IS 'Branches and where they point. One row per repository and branch, from git.branch.updated; a deleted branch keeps its row.';
COMMENT ON COLUMN {generation}.branch.repository IS 'Opaque name of the repository, stable across clones.';
COMMENT ON COLUMN {generation}.branch.branch IS 'Name of the branch, without refs/heads/.';
COMMENT ON COLUMN {generation}.branch.sha IS 'Commit the branch points at; null when it was deleted.';
COMMENT ON COLUMN {generation}.branch.previous_sha IS 'Commit it pointed at before; null when it was new or that is unknown.';
COMMENT ON COLUMN {generation}.branch.forced IS 'True when the previous commit is not an ancestor of this one.';
COMMENT ON COLUMN {generation}.branch.updated_at IS 'When the branch was last moved (time of happening).';
COMMENT ON COLUMN {generation}.branch.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.branch.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.branch.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.tag (
    repository          text        NOT NULL,
    tag                 text        NOT NULL,
    sha                 text        NOT NULL,
    annotated           boolean     NOT NULL,
    tagged_at           timestamptz NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (repository, tag)
);

COMMENT ON TABLE {generation}.tag IS 'Tags and the commits they name. One row per repository and tag, from git.tag.created; a tag that was moved shows its last commit.';
COMMENT ON COLUMN {generation}.tag.repository IS 'Opaque name of the repository, stable across clones.';
COMMENT ON COLUMN {generation}.tag.tag IS 'Name of the tag, without refs/tags/.';
COMMENT ON COLUMN {generation}.tag.sha IS 'Commit that the tag leads to.';
COMMENT ON COLUMN {generation}.tag.annotated IS 'True when the tag is an object of its own with a tagger and a time.';
COMMENT ON COLUMN {generation}.tag.tagged_at IS 'When the tag was made: the tagger''s time, or the commit''s (time of happening).';
COMMENT ON COLUMN {generation}.tag.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.tag.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.tag.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.environment (
    service                      text        NOT NULL,
    environment                  text        NOT NULL,
    serving_sha                  text,
    serving_deployment_id        text,
    serving_since_at             timestamptz,
    last_succeeded_sha           text,
    last_succeeded_deployment_id text,
    last_succeeded_at            timestamptz,
    last_deployment_id           text        NOT NULL,
    last_status                  text        NOT NULL CHECK (last_status IN ('started', 'succeeded', 'failed', 'rolled_back')),
    last_happened_at             timestamptz NOT NULL,
    changed_by_source            text        NOT NULL,
    changed_by_id                text        NOT NULL,
    changed_at_position          text        NOT NULL,
    PRIMARY KEY (service, environment)
);

COMMENT ON TABLE {generation}.environment IS 'Services in their environments: what serves there and what happened last. One row per service and environment, from deployment.*.';
COMMENT ON COLUMN {generation}.environment.service IS 'Name of the deployed service.';
COMMENT ON COLUMN {generation}.environment.environment IS 'Name of the environment, such as production.';
COMMENT ON COLUMN {generation}.environment.serving_sha IS 'Commit that serves: of the last success, or what a rollback restored. Null before the first success, or when a rollback does not say what it restored and that cannot be told from before.';
COMMENT ON COLUMN {generation}.environment.serving_deployment_id IS 'Deployment that put the serving commit there; null after a rollback.';
COMMENT ON COLUMN {generation}.environment.serving_since_at IS 'When that success or rollback happened.';
COMMENT ON COLUMN {generation}.environment.last_succeeded_sha IS 'Commit of the success that happened last, rolled back since or not.';
COMMENT ON COLUMN {generation}.environment.last_succeeded_deployment_id IS 'Deployment of the success that happened last.';
COMMENT ON COLUMN {generation}.environment.last_succeeded_at IS 'When that success happened.';
COMMENT ON COLUMN {generation}.environment.last_deployment_id IS 'Deployment that the fact that happened last is about.';
COMMENT ON COLUMN {generation}.environment.last_status IS 'What that fact says: started, succeeded, failed or rolled_back.';
COMMENT ON COLUMN {generation}.environment.last_happened_at IS 'When that fact happened.';
COMMENT ON COLUMN {generation}.environment.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.environment.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.environment.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.deployment (
    service             text        NOT NULL,
    environment         text        NOT NULL,
    deployment_id       text        NOT NULL,
    repository          text,
    sha                 text        NOT NULL,
    git_ref             text,
    url                 text,
    status              text        NOT NULL CHECK (status IN ('started', 'succeeded', 'failed', 'rolled_back')),
    reason_code         text,
    started_at          timestamptz,
    succeeded_at        timestamptz,
    failed_at           timestamptz,
    finished_at         timestamptz,
    rolled_back_at      timestamptz,
    happened_at         timestamptz NOT NULL,
    previous_sha        text,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (service, environment, deployment_id)
);
CREATE INDEX ON {generation}.deployment (service, environment, succeeded_at) WHERE succeeded_at IS NOT NULL;
CREATE INDEX ON {generation}.deployment (happened_at, service, environment, deployment_id);

COMMENT ON TABLE {generation}.deployment IS 'Deployments. One row per service, environment and deployment, from deployment.*; its times are times of happening and do not depend on the order in which the facts arrived.';
COMMENT ON COLUMN {generation}.deployment.service IS 'Name of the deployed service.';
COMMENT ON COLUMN {generation}.deployment.environment IS 'Name of the environment, such as production.';
COMMENT ON COLUMN {generation}.deployment.deployment_id IS 'Id of the deployment, unique within its service and environment.';
COMMENT ON COLUMN {generation}.deployment.repository IS 'Repository of the commit as the deployment names it; null when it names none.';
COMMENT ON COLUMN {generation}.deployment.sha IS 'Full commit id that was deployed, lower-case hexadecimal.';
COMMENT ON COLUMN {generation}.deployment.git_ref IS 'Branch or tag that was asked for; null when not given.';
COMMENT ON COLUMN {generation}.deployment.url IS 'Where the provider shows this deployment; null when not given.';
COMMENT ON COLUMN {generation}.deployment.status IS 'What the deployment came to: started (not finished), succeeded, failed or rolled_back. Of several results the one that happened last counts.';
COMMENT ON COLUMN {generation}.deployment.reason_code IS 'Machine-readable reason of the last failure or rollback; null when not given.';
COMMENT ON COLUMN {generation}.deployment.started_at IS 'When it started (the earliest such fact); null when nobody said.';
COMMENT ON COLUMN {generation}.deployment.succeeded_at IS 'When it succeeded (the latest such fact); null when it did not. It stays when the deployment is rolled back.';
COMMENT ON COLUMN {generation}.deployment.failed_at IS 'When it failed (the latest such fact); null when it did not.';
COMMENT ON COLUMN {generation}.deployment.finished_at IS 'When it finished: the later of succeeded_at and failed_at; null while it runs.';
COMMENT ON COLUMN {generation}.deployment.rolled_back_at IS 'When it was undone (the latest such fact); null when it was not.';
COMMENT ON COLUMN {generation}.deployment.happened_at IS 'When the latest fact about this deployment happened.';
COMMENT ON COLUMN {generation}.deployment.previous_sha IS 'Commit that served before this deployment, rollbacks included, as the facts recorded until it finished tell; null for the first one, or when its facts were recorded after those of a later one.';
COMMENT ON COLUMN {generation}.deployment.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.deployment.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.deployment.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';
