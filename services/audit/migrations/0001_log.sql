-- The log: every event of every publisher, once, in the order of its publisher. Append-only: the
-- database itself refuses to change or remove a row.

CREATE TABLE publishers (
    publisher text   NOT NULL PRIMARY KEY,
    position  bigint NOT NULL CHECK (position >= 0)
);

CREATE TABLE event_totals (
    publisher text   NOT NULL,
    type      text   NOT NULL,
    events    bigint NOT NULL,
    PRIMARY KEY (publisher, type)
);

CREATE TABLE events (
    publisher   text        NOT NULL,
    position    bigint      NOT NULL,
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    subject_id  text        NOT NULL,
    person_id   uuid,
    traceparent text,
    payload     bytea       NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (publisher, position)
);

CREATE UNIQUE INDEX events_once ON events (event_id);
CREATE INDEX events_person ON events (person_id, event_id) WHERE person_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_not_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
