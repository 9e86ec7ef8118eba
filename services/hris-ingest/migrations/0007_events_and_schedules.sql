-- Events that sources publish over NATS, and sources that are looked at on a schedule. Only adds, so that the version before it still runs.

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

-- When sources are looked at, and what the last look came to. Whoever looks at one has it until
-- `leased_until`, under `lease`. It is due at `look_at`: at `next_run_at`, or sooner while something is
-- under way. `remembered` is what a look tells the next one; `written` is the schedule for people to read.
CREATE TABLE schedules (
    source       text        NOT NULL PRIMARY KEY,
    written      text        NOT NULL,
    next_run_at  timestamptz NOT NULL,
    look_at      timestamptz NOT NULL,
    leased_until timestamptz NOT NULL,
    lease        uuid,
    remembered   jsonb       NOT NULL DEFAULT 'null',
    looked_at    timestamptz,
    outcome      text        NOT NULL DEFAULT ''
                             CHECK (outcome IN ('', 'idle', 'waiting', 'taking', 'held', 'failed')),
    reason       text        NOT NULL DEFAULT '',
    file_name    text        NOT NULL DEFAULT '',
    file_fate    text        NOT NULL DEFAULT ''
                             CHECK (file_fate IN ('', 'held', 'done', 'rejected')),
    file_reason  text        NOT NULL DEFAULT '',
    file_at      timestamptz
);

CREATE INDEX schedules_due ON schedules (look_at);
