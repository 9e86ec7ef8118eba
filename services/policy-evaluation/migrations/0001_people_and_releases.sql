-- Releases and their documents, every timeline that was received, and what each person shall hold.

CREATE TABLE releases (
    number       bigint      NOT NULL PRIMARY KEY CHECK (number > 0),
    content_hash text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('active', 'retired')),
    activated_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX releases_one_is_active ON releases ((true)) WHERE state = 'active';

-- The content is text: its digest is over these very bytes.
CREATE TABLE documents (
    release bigint NOT NULL REFERENCES releases (number),
    kind    text   NOT NULL,
    name    text   NOT NULL,
    digest  text   NOT NULL,
    content text   NOT NULL,
    PRIMARY KEY (release, kind, name)
);

-- Append only. What was known when can be asked later, and an equal version with another content
-- is found by its key.
CREATE TABLE timelines (
    person_id   uuid        NOT NULL,
    epoch       bigint      NOT NULL,
    counter     bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    timeline    jsonb       NOT NULL,
    PRIMARY KEY (person_id, epoch, counter)
);

-- A person by the newest timeline and by the last evaluation of it. Release 0: not evaluated, which
-- lasts until a release is activated.
CREATE TABLE people (
    person_id         uuid     NOT NULL PRIMARY KEY,
    person_epoch      bigint   NOT NULL,
    person_counter    bigint   NOT NULL,
    desired_epoch     bigint   NOT NULL DEFAULT 0,
    desired_counter   bigint   NOT NULL DEFAULT 0,
    access            jsonb,
    access_digest     text,
    evaluated_release bigint   NOT NULL DEFAULT 0,
    evaluated_at      timestamptz,
    next_boundary     timestamptz,
    zone              text,
    lane              smallint NOT NULL,
    CHECK (CASE WHEN evaluated_release = 0
                THEN num_nonnulls(access, access_digest, evaluated_at, next_boundary, zone) = 0
                     AND desired_counter = 0
                ELSE num_nulls(access, access_digest, evaluated_at, zone) = 0
                     AND desired_counter > 0
           END)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX people_evaluated_release ON people (evaluated_release, person_id);
