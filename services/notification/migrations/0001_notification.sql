-- What notification knows of people, accounts and owners, what was told, and the messages that carry
-- it. `people` holds names and addresses, nothing else does: notices and messages name recipients by
-- person id or application.

CREATE TABLE documents (
    digest     text NOT NULL PRIMARY KEY,
    kind       text NOT NULL,
    name       text NOT NULL,
    -- Of applications: who answers for them, as far as the document says.
    owner_name text,
    owner_mail text
);

CREATE TABLE releases (
    number       bigint NOT NULL PRIMARY KEY CHECK (number > 0),
    content_hash text   NOT NULL,
    digests      text[] NOT NULL,
    -- In which its publisher announced it; what it says in a higher one counts.
    epoch        bigint NOT NULL,
    -- When the last of its documents had come.
    usable_at    timestamptz
);

CREATE TABLE people (
    person_id       uuid   NOT NULL PRIMARY KEY,
    -- Of the standing; epoch 0, counter 0: nothing was heard yet.
    version_epoch   bigint NOT NULL DEFAULT 0,
    version_counter bigint NOT NULL DEFAULT 0,
    standing        jsonb,
    settlement      jsonb,
    -- Until when an owner who becomes known would be told.
    watched_until   timestamptz,
    CHECK ((standing IS NULL) = (version_epoch = 0 AND version_counter = 0))
) WITH (fillfactor = 80);

CREATE INDEX people_watched ON people (watched_until) WHERE watched_until IS NOT NULL;

CREATE TABLE accounts (
    person_id       uuid   NOT NULL,
    application     text   NOT NULL,
    version_epoch   bigint NOT NULL,
    version_counter bigint NOT NULL,
    login           text   NOT NULL,
    state           text   NOT NULL CHECK (state IN ('none', 'active', 'suspended', 'deleted')),
    observed_at     timestamptz NOT NULL,
    PRIMARY KEY (person_id, application)
);

-- One message to one recipient, with one notice or, as a digest, with several.
CREATE TABLE messages (
    id          uuid        NOT NULL PRIMARY KEY,
    -- The Message-ID, fixed before the first attempt.
    message_id  text        NOT NULL UNIQUE,
    digest      boolean     NOT NULL,
    told_kind   text        NOT NULL CHECK (told_kind IN ('manager', 'owner', 'last_resort')),
    told        text        NOT NULL,
    lane        smallint    NOT NULL,
    state       text        NOT NULL CHECK (state IN ('open', 'sent', 'failed', 'empty')),
    attempts    integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Attempts of which nobody knows whether the mail server took the message over.
    unknown     integer     NOT NULL DEFAULT 0 CHECK (unknown >= 0),
    -- When it may be taken next; a lease moves it to the lease's end.
    due_at      timestamptz,
    lease       uuid,
    error       text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    CHECK ((state = 'open') = (due_at IS NOT NULL)),
    CHECK (lease IS NULL OR state = 'open')
) WITH (fillfactor = 80);

CREATE INDEX messages_due ON messages (lane, due_at) WHERE state = 'open';

CREATE TABLE notices (
    id             uuid        NOT NULL PRIMARY KEY,
    person_id      uuid        NOT NULL,
    engagement_id  uuid        NOT NULL,
    milestone      text        NOT NULL
                   CHECK (milestone IN ('joining', 'rehired', 'access_ready', 'moved', 'leaving',
                                        'left', 'leaving_withdrawn')),
    effective_date date        NOT NULL,
    recipient_kind text        NOT NULL CHECK (recipient_kind IN ('manager', 'owner')),
    -- A person id or an application; empty: the person has no known manager.
    recipient      text        NOT NULL,
    template       text        NOT NULL,
    lane           smallint    NOT NULL,
    state          text        NOT NULL
                   CHECK (state IN ('pending', 'sent', 'failed', 'suppressed', 'undeliverable',
                                    'canceled')),
    exposed_until  timestamptz,
    created_at     timestamptz NOT NULL,
    -- When it may be put into a message; only while it is pending.
    due_at         timestamptz,
    message        uuid REFERENCES messages (id),
    -- Who was told, or is about to be.
    told_kind      text        CHECK (told_kind IN ('manager', 'owner', 'last_resort')),
    told           text,
    error          text        NOT NULL DEFAULT '',
    finished_at    timestamptz,
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CHECK ((told_kind IS NULL) = (told IS NULL))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX notices_once ON notices
    (person_id, engagement_id, milestone, effective_date, recipient_kind, recipient, template);
CREATE INDEX notices_due ON notices (due_at) WHERE state = 'pending' AND message IS NULL;
CREATE INDEX notices_message ON notices (message) WHERE message IS NOT NULL;
