-- Doors through which sources push people: documents that are applied once, what was pushed, tokens,
-- and each SCIM client's own view. Only adds, so that the version before it still runs.

-- The mapping of a source that pushes, as an operator applied it last.
CREATE TABLE source_documents (
    name       text        NOT NULL PRIMARY KEY,
    document   text        NOT NULL,
    digest     bytea       NOT NULL,
    applied_at timestamptz NOT NULL
);

-- What a source pushed last of a worker. A file that speaks for an earlier day changes nothing of it.
CREATE TABLE pushes (
    source      text        NOT NULL,
    worker_id   text        COLLATE "C" NOT NULL,
    sequence    bigint,
    day         date        NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source, worker_id)
);

-- People whom a source's pushes ended, for as long as they count.
CREATE TABLE pushed_leavers (
    source    text        NOT NULL,
    person_id uuid        NOT NULL,
    left_at   timestamptz NOT NULL,
    PRIMARY KEY (source, person_id)
);

CREATE INDEX pushed_leavers_by_time ON pushed_leavers (source, left_at);

-- Who may push as a source. The token itself is kept nowhere.
CREATE TABLE source_tokens (
    id           uuid        NOT NULL PRIMARY KEY,
    source       text        NOT NULL,
    prefix       text        NOT NULL,
    hash         bytea       NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE INDEX source_tokens_valid ON source_tokens (source) WHERE revoked_at IS NULL;

-- What a SCIM client wrote, mapped attributes only. Its id is that of the engagement it began.
-- A deleted one keeps nothing but whose it was.
CREATE TABLE resources (
    id          uuid        NOT NULL PRIMARY KEY,
    source      text        NOT NULL,
    worker_id   text        COLLATE "C" NOT NULL,
    user_name   text        COLLATE "C" NOT NULL,
    external_id text        COLLATE "C",
    version     bigint      NOT NULL,
    attributes  jsonb       NOT NULL,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    ended_at    timestamptz,
    deleted_at  timestamptz
);

CREATE UNIQUE INDEX resources_user_name ON resources (source, lower(user_name)) WHERE deleted_at IS NULL;
CREATE INDEX resources_external_id ON resources (source, external_id) WHERE deleted_at IS NULL;
CREATE INDEX resources_ended ON resources (source, worker_id) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX resources_worker ON resources (source, worker_id) WHERE deleted_at IS NULL;
CREATE INDEX resources_in_order ON resources (source, created_at, id) WHERE deleted_at IS NULL;

-- Signed messages that were taken over, so that none is twice, whoever sends it again.
CREATE TABLE webhook_messages (
    source      text        NOT NULL,
    message_id  text        COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source, message_id)
);

CREATE INDEX webhook_messages_by_time ON webhook_messages (source, received_at);
