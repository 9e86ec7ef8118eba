-- Applications that are out of reach, or that asked for a pause. No row: nothing speaks against asking.
CREATE TABLE circuits (
    application  text        NOT NULL PRIMARY KEY,
    -- Since when it is out of reach; null: it is not.
    opened_at    timestamptz,
    -- When a few branches may try whether it answers. Whoever tries moves it, so that one does.
    probe_at     timestamptz,
    -- Pauses that ended without an answer.
    pauses       integer     NOT NULL DEFAULT 0 CHECK (pauses >= 0),
    reason       text        NOT NULL DEFAULT '',
    -- Until when it asked to be left alone.
    paused_until timestamptz,
    CHECK ((opened_at IS NULL) = (probe_at IS NULL)),
    CHECK (opened_at IS NOT NULL OR paused_until IS NOT NULL)
);
