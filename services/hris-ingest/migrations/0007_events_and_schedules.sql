-- Events that sources publish over NATS. Only adds, so that the version before it still runs.

-- What was answered to an event that changed something, so that it changes nothing again. `event_source`
-- and `event_id` are what CloudEvents tells events apart by; the answer holds ids and reasons.
CREATE TABLE received_events (
    source       text        NOT NULL,
    event_source text        COLLATE "C" NOT NULL,
    event_id     text        COLLATE "C" NOT NULL,
    received_at  timestamptz NOT NULL,
    answer       bytea       NOT NULL,
    PRIMARY KEY (source, event_source, event_id)
);

CREATE INDEX received_events_by_time ON received_events (source, received_at);
