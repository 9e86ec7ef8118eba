-- The contract between services, in every service's database: what was published, what was seen,
-- what was put aside, what falls due. outbox and inbox are partitioned by the day that is part of
-- an event's id (UUID version 7), so that old days are dropped and never deleted row by row.

CREATE TABLE outbox (
    id          uuid        NOT NULL PRIMARY KEY,
    lane        smallint    NOT NULL,
    subject     text        NOT NULL,
    subject_id  text        NOT NULL,
    type        text        NOT NULL,
    person_id   uuid,
    traceparent text,
    payload     bytea       NOT NULL,
    occurred_at timestamptz NOT NULL
) PARTITION BY RANGE (id);

-- What the broker has not acknowledged. Kept apart from the payload: a row here is written once
-- and deleted once, and no wide row is ever rewritten.
CREATE TABLE outbox_pending (
    lane smallint NOT NULL,
    id   uuid     NOT NULL,
    PRIMARY KEY (lane, id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);

-- Up to where the broker has acknowledged; a stream that ends earlier has lost events.
CREATE TABLE relay_streams (
    stream        text   NOT NULL PRIMARY KEY,
    last_sequence bigint NOT NULL
);

CREATE TABLE consumers (
    id   smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE inbox (
    event_id    uuid     NOT NULL,
    consumer_id smallint NOT NULL,
    PRIMARY KEY (event_id, consumer_id)
) PARTITION BY RANGE (event_id);

CREATE TABLE parked_messages (
    consumer            text        NOT NULL,
    event_id            uuid        NOT NULL,
    type                text        NOT NULL,
    subject             text        NOT NULL,
    headers             jsonb       NOT NULL,
    payload             bytea       NOT NULL,
    reason              text        NOT NULL,
    parked_at           timestamptz NOT NULL,
    replays             integer     NOT NULL DEFAULT 0,
    replay_requested_at timestamptz,
    PRIMARY KEY (consumer, event_id)
);

CREATE INDEX parked_messages_replay ON parked_messages (replay_requested_at)
 WHERE replay_requested_at IS NOT NULL;

CREATE TABLE timers (
    kind         text        NOT NULL,
    key          uuid        NOT NULL,
    lane         smallint    NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    PRIMARY KEY (kind, key)
);

CREATE INDEX timers_due ON timers (kind, lane, due_at);
