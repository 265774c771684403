-- Tables of one generation of the read model `operations`. `{generation}` is the generation's schema.
-- A row belongs to one alert of one monitor, or to one incident, each one subject of the topic `monitor`; or to one saga,
-- or to the stop switch of one agent, each one subject of the topic `saga`.

CREATE TABLE {generation}.alert (
    subject             text        NOT NULL,
    starts_at           timestamptz NOT NULL,
    fingerprint         text        NOT NULL,
    alert_name          text        NOT NULL,
    service             text,
    environment         text,
    severity            text,
    labels              jsonb       NOT NULL,
    ends_at             timestamptz,
    status              text        NOT NULL CHECK (status IN ('firing', 'resolved')),
    generator_url       text,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (subject, starts_at),
    CHECK ((status = 'resolved') = (ends_at IS NOT NULL))
);
CREATE INDEX ON {generation}.alert (starts_at);

COMMENT ON TABLE {generation}.alert IS 'Alerts, one row each time one fires: per subject and start, from monitor.alert.fired and monitor.alert.resolved.';
COMMENT ON COLUMN {generation}.alert.subject IS 'The alert at its monitor: name of the monitor, a slash, fingerprint.';
COMMENT ON COLUMN {generation}.alert.starts_at IS 'When it began to fire.';
COMMENT ON COLUMN {generation}.alert.fingerprint IS 'Identity of the alert at the monitor: equal labels, equal fingerprint.';
COMMENT ON COLUMN {generation}.alert.alert_name IS 'Name of the alerting rule.';
COMMENT ON COLUMN {generation}.alert.service IS 'Service the alert is about; null when its labels do not say.';
COMMENT ON COLUMN {generation}.alert.environment IS 'Environment the alert is about; null when its labels do not say.';
COMMENT ON COLUMN {generation}.alert.severity IS 'Severity as labelled, such as critical; null when not labelled.';
COMMENT ON COLUMN {generation}.alert.labels IS 'Labels as the monitor sent them: a JSON object of strings.';
COMMENT ON COLUMN {generation}.alert.ends_at IS 'When it ended (the latest that was said); null while it fires.';
COMMENT ON COLUMN {generation}.alert.status IS 'firing or resolved. A resolved one does not fire again: another start is another row.';
COMMENT ON COLUMN {generation}.alert.generator_url IS 'Where the monitor shows the expression behind the alert; null when not given.';
COMMENT ON COLUMN {generation}.alert.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.alert.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.alert.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.incident_case (
    incident_id          text        NOT NULL,
    status               text        NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
    answer_to            text,
    service              text,
    opened_at            timestamptz,
    opened_by_alert_name text,
    started_at           timestamptz,
    acknowledged_at      timestamptz,
    acknowledged_by      text,
    escalation_level     integer     NOT NULL,
    escalated_at         timestamptz,
    resolved_at          timestamptz,
    ended_at             timestamptz,
    resolved_by          text,
    changed_by_source    text        NOT NULL,
    changed_by_id        text        NOT NULL,
    changed_at_position  text        NOT NULL,
    PRIMARY KEY (incident_id)
);
CREATE INDEX ON {generation}.incident_case (opened_at);

COMMENT ON TABLE {generation}.incident_case IS 'Incidents as somebody commands them: where each stands. One row per incident, from monitor.incident.*; facts told twice count once.';
COMMENT ON COLUMN {generation}.incident_case.incident_id IS 'Opaque id of the incident.';
COMMENT ON COLUMN {generation}.incident_case.status IS 'open: nobody has taken charge; acknowledged: somebody has; resolved: it is over.';
COMMENT ON COLUMN {generation}.incident_case.answer_to IS 'Subject of the intents by which people act on it: agent.intent.acknowledge and agent.intent.resolve. Null when its opening is not known.';
COMMENT ON COLUMN {generation}.incident_case.service IS 'Service it is about; null when its alerts name none.';
COMMENT ON COLUMN {generation}.incident_case.opened_at IS 'When it was opened: the log had recorded the first alert. Null when that is not known.';
COMMENT ON COLUMN {generation}.incident_case.opened_by_alert_name IS 'Name of the rule whose alert opened it.';
COMMENT ON COLUMN {generation}.incident_case.started_at IS 'When the first of its alerts began to fire, as the monitors say.';
COMMENT ON COLUMN {generation}.incident_case.acknowledged_at IS 'When somebody took charge; null when nobody has.';
COMMENT ON COLUMN {generation}.incident_case.acknowledged_by IS 'Who did: an opaque id of a person.';
COMMENT ON COLUMN {generation}.incident_case.escalation_level IS 'How often it was escalated.';
COMMENT ON COLUMN {generation}.incident_case.escalated_at IS 'When it was escalated last; null when it never was.';
COMMENT ON COLUMN {generation}.incident_case.resolved_at IS 'When it was said to be over: its alerts had stayed quiet, or a person said so. Null while it is not.';
COMMENT ON COLUMN {generation}.incident_case.ended_at IS 'When its last alert ended, as the monitors say; when a person said that it is over while one fired, the time of that.';
COMMENT ON COLUMN {generation}.incident_case.resolved_by IS 'Who said that it is over: an opaque id of a person; null when its alerts ended by themselves.';
COMMENT ON COLUMN {generation}.incident_case.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.incident_case.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.incident_case.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.incident_entry (
    incident_id         text        NOT NULL,
    entry               text        NOT NULL,
    kind                text        NOT NULL CHECK (kind IN ('opened', 'joined', 'acknowledged', 'escalated', 'resolved')),
    happened_at         timestamptz NOT NULL,
    alert               text,
    alert_starts_at     timestamptz,
    alert_name          text,
    environment         text,
    severity            text,
    level               integer,
    person              text,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (incident_id, entry)
);

COMMENT ON TABLE {generation}.incident_entry IS 'What happened to incidents: one row per incident and entry, from monitor.incident.*. The view incident_timeline adds the ends of alerts.';
COMMENT ON COLUMN {generation}.incident_entry.incident_id IS 'Opaque id of the incident.';
COMMENT ON COLUMN {generation}.incident_entry.entry IS 'Name of the entry within the incident, such as opened, escalated 2, or joined with the alert and its start in milliseconds since the Unix epoch.';
COMMENT ON COLUMN {generation}.incident_entry.kind IS 'opened, joined, acknowledged, escalated or resolved.';
COMMENT ON COLUMN {generation}.incident_entry.happened_at IS 'When it happened, by the clock of the log.';
COMMENT ON COLUMN {generation}.incident_entry.alert IS 'The alert that opened or joined it: name of the monitor, a slash, fingerprint. Null for other kinds.';
COMMENT ON COLUMN {generation}.incident_entry.alert_starts_at IS 'When that alert began to fire; with alert it names a row of operations.alert.';
COMMENT ON COLUMN {generation}.incident_entry.alert_name IS 'Name of its alerting rule.';
COMMENT ON COLUMN {generation}.incident_entry.environment IS 'Environment that it is about; null when its labels do not say.';
COMMENT ON COLUMN {generation}.incident_entry.severity IS 'Its severity as labelled; null when not labelled.';
COMMENT ON COLUMN {generation}.incident_entry.level IS 'Which escalation it is, from 1; null for other kinds.';
COMMENT ON COLUMN {generation}.incident_entry.person IS 'Who took charge, or said that it is over: an opaque id of a person; null for other kinds.';
COMMENT ON COLUMN {generation}.incident_entry.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.incident_entry.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.incident_entry.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.saga (
    agent               text        NOT NULL,
    correlation         text        NOT NULL,
    run                 integer     NOT NULL,
    version             integer     NOT NULL,
    status              text        NOT NULL,
    status_since        timestamptz NOT NULL,
    revision            bigint      NOT NULL,
    correlation_id      text,
    started_at          timestamptz,
    last_input          text,
    last_input_at       timestamptz,
    parked_input        text,
    parked_class        text,
    parked_code         text,
    paused_by           text,
    outcome             text,
    waits               jsonb       NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (agent, correlation)
);

COMMENT ON TABLE {generation}.saga IS 'Sagas: the last one of each agent and correlation, where it stands and what it waits for. From saga.started, saga.reacted and others of the topic saga.';
COMMENT ON COLUMN {generation}.saga.agent IS 'Name of the agent.';
COMMENT ON COLUMN {generation}.saga.correlation IS 'What the saga is about: an opaque id.';
COMMENT ON COLUMN {generation}.saga.run IS 'Which saga of this correlation it is, from 1: a later one begins after the end of the one before, and takes its row.';
COMMENT ON COLUMN {generation}.saga.version IS 'Version of the agent that it is on.';
COMMENT ON COLUMN {generation}.saga.status IS 'early (inputs are set aside until it begins), running, compensating (its steps are undone), paused (by a person), parked (at an input that it cannot react to) or ended.';
COMMENT ON COLUMN {generation}.saga.status_since IS 'Since when it is that, by the clock of the log.';
COMMENT ON COLUMN {generation}.saga.revision IS 'How many transactions this correlation has had; 0 when none was told yet.';
COMMENT ON COLUMN {generation}.saga.correlation_id IS 'Correlation id of all that it decides; null when its beginning is not known.';
COMMENT ON COLUMN {generation}.saga.started_at IS 'When it began, by the clock of the log; null when it has not, or when that is not known.';
COMMENT ON COLUMN {generation}.saga.last_input IS 'Position of the last input that it took: topic/partition@offset. Null when none was told yet.';
COMMENT ON COLUMN {generation}.saga.last_input_at IS 'When the log recorded that input; null when none was told yet.';
COMMENT ON COLUMN {generation}.saga.parked_input IS 'Position of the input at which it is parked; null when it is not, or when that is not known.';
COMMENT ON COLUMN {generation}.saga.parked_class IS 'Class of the failure: refused, panicked, undo_failed, unknown_version, overfull, conflict or looping.';
COMMENT ON COLUMN {generation}.saga.parked_code IS 'What the code of the agent calls it.';
COMMENT ON COLUMN {generation}.saga.paused_by IS 'Who has paused it: an opaque id of a person; null when nobody has, or when that is not known.';
COMMENT ON COLUMN {generation}.saga.outcome IS 'How it has ended, in the words of the agent; null when it has not.';
COMMENT ON COLUMN {generation}.saga.waits IS 'What it waits for after its last transaction: an array of objects with kind, reason, events, since_at and due_at. The view saga_wait has one row for each. Empty where a program told the transaction that did not say it yet.';
COMMENT ON COLUMN {generation}.saga.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.saga.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.saga.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.agent_switch (
    agent               text        NOT NULL,
    is_stopped          boolean     NOT NULL,
    number              bigint      NOT NULL,
    decided_by          text        NOT NULL,
    reason              text        NOT NULL,
    decided_at          timestamptz NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (agent)
);

COMMENT ON TABLE {generation}.agent_switch IS 'The stop switch: the last decision about each agent by name, and about all together. From saga.agents.stopped and saga.agents.started.';
COMMENT ON COLUMN {generation}.agent_switch.agent IS 'Name of the agent; * for all agents together.';
COMMENT ON COLUMN {generation}.agent_switch.is_stopped IS 'Whether the last decision was to stop; an agent works when neither it nor all are stopped.';
COMMENT ON COLUMN {generation}.agent_switch.number IS 'How often it was stopped or started.';
COMMENT ON COLUMN {generation}.agent_switch.decided_by IS 'Who decided last: an opaque id of a person.';
COMMENT ON COLUMN {generation}.agent_switch.reason IS 'Why, in their words.';
COMMENT ON COLUMN {generation}.agent_switch.decided_at IS 'When, by the clock of the log.';
COMMENT ON COLUMN {generation}.agent_switch.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.agent_switch.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.agent_switch.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.tool_call (
    subject             text        NOT NULL,
    call_source         text        NOT NULL,
    call_id             text        NOT NULL,
    tool                text        NOT NULL,
    principal           text,
    state               text        NOT NULL,
    requested_at        timestamptz NOT NULL,
    decided_at          timestamptz,
    policies            jsonb       NOT NULL,
    policy_digest       text,
    started_at          timestamptz,
    attempts            integer     NOT NULL,
    ended_at            timestamptz,
    reason_code         text,
    is_without_effect   boolean,
    result_bytes        bigint,
    duration_ms         bigint,
    cost_micros         bigint,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (subject, call_source, call_id)
);

CREATE INDEX tool_call_requested ON {generation}.tool_call (requested_at DESC, call_id);

COMMENT ON TABLE {generation}.tool_call IS 'Calls of tools: who asked, which policies decided, what came of each. One row per call, from tool.call.*; only what the gate itself says counts.';
COMMENT ON COLUMN {generation}.tool_call.subject IS 'Whom the call is asked for: <agent>/<correlation> for a saga, person/<id> for a person.';
COMMENT ON COLUMN {generation}.tool_call.call_source IS 'Source of the event that asked for it.';
COMMENT ON COLUMN {generation}.tool_call.call_id IS 'Id of the event that asked for it.';
COMMENT ON COLUMN {generation}.tool_call.tool IS 'Name of the tool, such as files.write.';
COMMENT ON COLUMN {generation}.tool_call.principal IS 'Who asks, as the policy names callers, such as Agent::"devops"; null until it is decided.';
COMMENT ON COLUMN {generation}.tool_call.state IS 'requested, authorized, started, or how it ended: denied, completed, failed, or unknown (whoever did it is gone, and it is not done twice).';
COMMENT ON COLUMN {generation}.tool_call.requested_at IS 'When it was asked for.';
COMMENT ON COLUMN {generation}.tool_call.decided_at IS 'When it was authorized or denied, before its last attempt; null until then.';
COMMENT ON COLUMN {generation}.tool_call.policies IS 'Ids of the policies that permitted or forbade it: a JSON array of strings.';
COMMENT ON COLUMN {generation}.tool_call.policy_digest IS 'SHA-256 of the policy that decided, 64 hexadecimal digits; null when it was not asked.';
COMMENT ON COLUMN {generation}.tool_call.started_at IS 'When its last attempt was started; null when none was.';
COMMENT ON COLUMN {generation}.tool_call.attempts IS 'How many attempts were started.';
COMMENT ON COLUMN {generation}.tool_call.ended_at IS 'When it ended; null while it has not.';
COMMENT ON COLUMN {generation}.tool_call.reason_code IS 'Why it was denied, has failed or is unknown, in a word; null otherwise.';
COMMENT ON COLUMN {generation}.tool_call.is_without_effect IS 'Whether it is known that nothing was changed; null when it has not failed.';
COMMENT ON COLUMN {generation}.tool_call.result_bytes IS 'How large its result is, in bytes of JSON; null when it is not completed.';
COMMENT ON COLUMN {generation}.tool_call.duration_ms IS 'Milliseconds from the start of its act to its end; null when that is not known.';
COMMENT ON COLUMN {generation}.tool_call.cost_micros IS 'What its act costs by the price list in force, in millionths of its unit of money; null when the list does not have the tool, or it was not begun.';
COMMENT ON COLUMN {generation}.tool_call.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.tool_call.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.tool_call.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.deployment_health (
    service             text             NOT NULL,
    environment         text             NOT NULL,
    deployment_id       text             NOT NULL,
    is_high             boolean          NOT NULL,
    since_at            timestamptz      NOT NULL,
    times_high          integer          NOT NULL,
    window_from         timestamptz      NOT NULL,
    window_through      timestamptz      NOT NULL,
    requests            bigint           NOT NULL,
    errors              bigint           NOT NULL,
    max_error_percent   double precision NOT NULL,
    changed_by_source   text             NOT NULL,
    changed_by_id       text             NOT NULL,
    changed_at_position text             NOT NULL,
    PRIMARY KEY (service, environment, deployment_id)
);

COMMENT ON TABLE {generation}.deployment_health IS 'How the requests of deployments are answered: what was last concluded of each. One row per service, environment and deployment, from monitor.high_error_rate and monitor.error_rate_normal.';
COMMENT ON COLUMN {generation}.deployment_health.service IS 'Name of the service.';
COMMENT ON COLUMN {generation}.deployment_health.environment IS 'Name of the environment, such as production.';
COMMENT ON COLUMN {generation}.deployment_health.deployment_id IS 'Deployment that answered; empty when the sensor cannot tell.';
COMMENT ON COLUMN {generation}.deployment_health.is_high IS 'True when more requests failed than the rule allows; false when that is over.';
COMMENT ON COLUMN {generation}.deployment_health.since_at IS 'When that was concluded.';
COMMENT ON COLUMN {generation}.deployment_health.times_high IS 'How often it was concluded that too many fail.';
COMMENT ON COLUMN {generation}.deployment_health.window_from IS 'Beginning of the window that was judged.';
COMMENT ON COLUMN {generation}.deployment_health.window_through IS 'End of the window.';
COMMENT ON COLUMN {generation}.deployment_health.requests IS 'Number of requests in the window.';
COMMENT ON COLUMN {generation}.deployment_health.errors IS 'How many of them failed.';
COMMENT ON COLUMN {generation}.deployment_health.max_error_percent IS 'How many of a hundred may fail, by the rule in force.';
COMMENT ON COLUMN {generation}.deployment_health.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.deployment_health.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.deployment_health.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.healing (
    service                text        NOT NULL,
    environment            text        NOT NULL,
    deployment_id          text        NOT NULL,
    state                  text        NOT NULL,
    trouble                text,
    sha                    text,
    good_sha               text,
    culprit                text,
    diagnosed_at           timestamptz,
    escalated_at           timestamptz,
    reason_code            text,
    healed_at              timestamptz,
    restored_deployment_id text,
    restored_sha           text,
    verified_by            text,
    trouble_ms             bigint,
    changed_by_source      text        NOT NULL,
    changed_by_id          text        NOT NULL,
    changed_at_position    text        NOT NULL,
    PRIMARY KEY (service, environment, deployment_id)
);

COMMENT ON TABLE {generation}.healing IS 'Deployments that went wrong, what was taken for the cause, and what was done about each. One row per service, environment and deployment, from agent.healing.*; of one that was healed twice the last.';
COMMENT ON COLUMN {generation}.healing.service IS 'Name of the service.';
COMMENT ON COLUMN {generation}.healing.environment IS 'Name of the environment, such as production.';
COMMENT ON COLUMN {generation}.healing.deployment_id IS 'Deployment that went wrong; empty when it is not known.';
COMMENT ON COLUMN {generation}.healing.state IS 'diagnosed, or how it ended: healed (undone, and the service is well) or escalated (a person has to decide).';
COMMENT ON COLUMN {generation}.healing.trouble IS 'What went wrong: deployment_failed or high_error_rate; null when no diagnosis was made.';
COMMENT ON COLUMN {generation}.healing.sha IS 'Commit of the deployment; null when no diagnosis was made.';
COMMENT ON COLUMN {generation}.healing.good_sha IS 'Commit to go back to; null when there is none or no diagnosis was made.';
COMMENT ON COLUMN {generation}.healing.culprit IS 'Commit that is taken for the cause; null when it is not known.';
COMMENT ON COLUMN {generation}.healing.diagnosed_at IS 'When the cause was named, or said not to be known.';
COMMENT ON COLUMN {generation}.healing.escalated_at IS 'When a person was asked to decide.';
COMMENT ON COLUMN {generation}.healing.reason_code IS 'Why a person was asked, such as migration_between.';
COMMENT ON COLUMN {generation}.healing.healed_at IS 'When the service was seen to be well again.';
COMMENT ON COLUMN {generation}.healing.restored_deployment_id IS 'Deployment that serves again.';
COMMENT ON COLUMN {generation}.healing.restored_sha IS 'Commit that serves again.';
COMMENT ON COLUMN {generation}.healing.verified_by IS 'How it is known that the service is well: health or requests.';
COMMENT ON COLUMN {generation}.healing.trouble_ms IS 'Milliseconds from the trouble to the healing, by the clock of the log.';
COMMENT ON COLUMN {generation}.healing.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.healing.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.healing.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.memory (
    about               text        NOT NULL,
    memory_source       text        NOT NULL,
    memory_id           text        NOT NULL,
    kind                text        NOT NULL,
    text                text        NOT NULL,
    tags                jsonb       NOT NULL,
    told_by             text        NOT NULL,
    told_at             timestamptz NOT NULL,
    replaced_by         text,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (about, memory_source, memory_id)
);

CREATE INDEX memory_told ON {generation}.memory (told_at DESC, memory_id);
CREATE INDEX memory_words ON {generation}.memory USING gin (to_tsvector('simple', text));

COMMENT ON TABLE {generation}.memory IS 'What agents and people want to be remembered. One row per memory, from memory.recorded.';
COMMENT ON COLUMN {generation}.memory.about IS 'What it is about: an opaque id, such as service/shop.';
COMMENT ON COLUMN {generation}.memory.memory_source IS 'Source of the event that told it.';
COMMENT ON COLUMN {generation}.memory.memory_id IS 'Id, within its source, of the event that told it.';
COMMENT ON COLUMN {generation}.memory.kind IS 'fact, lesson or decision.';
COMMENT ON COLUMN {generation}.memory.text IS 'What it says, without personal plain text.';
COMMENT ON COLUMN {generation}.memory.tags IS 'Words to find it by: a JSON array of strings.';
COMMENT ON COLUMN {generation}.memory.told_by IS 'Source of the call that told it, such as brainops/agent/devops.';
COMMENT ON COLUMN {generation}.memory.told_at IS 'When it was told.';
COMMENT ON COLUMN {generation}.memory.replaced_by IS 'Id of the event that took its place; null while it holds.';
COMMENT ON COLUMN {generation}.memory.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.memory.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.memory.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';
