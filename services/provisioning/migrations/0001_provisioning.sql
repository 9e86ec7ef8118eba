-- What provisioning knows: releases it may use, desired access as it arrived, what applications hold,
-- which logins are spoken for, and the work that is open. `people` and `branches` are narrow and
-- change often; what is wide (`access`, `accounts`) is written only when it changes.

CREATE TABLE documents (
    digest      text        NOT NULL PRIMARY KEY,
    kind        text        NOT NULL,
    name        text        NOT NULL,
    content     bytea       NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TABLE releases (
    number       bigint      NOT NULL PRIMARY KEY CHECK (number > 0),
    content_hash text        NOT NULL,
    digests      text[]      NOT NULL,
    activated_at timestamptz NOT NULL,
    -- When the last of its documents had come.
    usable_at    timestamptz
);

CREATE TABLE people (
    person_id           uuid        NOT NULL PRIMARY KEY,
    -- Desired access as it was received; epoch 0, counter 0: nothing yet.
    desired_epoch       bigint      NOT NULL DEFAULT 0,
    desired_counter     bigint      NOT NULL DEFAULT 0,
    desired_release     bigint      NOT NULL DEFAULT 0,
    desired_digest      bytea       NOT NULL DEFAULT '',
    -- The newest timeline and release it is known to hold for.
    person_epoch        bigint      NOT NULL DEFAULT 0,
    person_counter      bigint      NOT NULL DEFAULT 0,
    release             bigint      NOT NULL DEFAULT 0,
    person_recorded_at  timestamptz NOT NULL DEFAULT 'epoch',
    lane                smallint    NOT NULL DEFAULT 1,
    -- Failures stand for the round in which they happened; a new round tries again.
    round               integer     NOT NULL DEFAULT 0,
    open                integer     NOT NULL DEFAULT 0 CHECK (open >= 0),
    failed              integer     NOT NULL DEFAULT 0 CHECK (failed >= 0),
    done                bigint      NOT NULL DEFAULT 0,
    plan_hash           bytea       NOT NULL DEFAULT '',
    -- The version of PersonSettled, and whether the versions above were announced by it.
    settled_epoch       bigint      NOT NULL DEFAULT 0,
    settled_counter     bigint      NOT NULL DEFAULT 0,
    settled             boolean     NOT NULL DEFAULT false,
    settled_at          timestamptz,
    -- When the timeline (person_epoch, person_counter) settled for the first time.
    timeline_settled_at timestamptz,
    CHECK (NOT settled OR (open = 0 AND settled_at IS NOT NULL))
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- Desired access, by application.
CREATE TABLE access (
    person_id uuid  NOT NULL PRIMARY KEY,
    access    jsonb NOT NULL
);

-- What is to be done for one person in one application: the unit that is leased.
CREATE TABLE branches (
    person_id   uuid     NOT NULL,
    application text     NOT NULL,
    lane        smallint NOT NULL,
    -- The person's round in which it was planned last.
    round       integer  NOT NULL,
    login       text,
    -- When it may be taken next; a lease moves it to the lease's end. Nothing is open: null.
    due_at      timestamptz,
    lease       uuid,
    PRIMARY KEY (person_id, application),
    CHECK (lease IS NULL OR due_at IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);

CREATE INDEX branches_due ON branches (application, lane, due_at) WHERE due_at IS NOT NULL;

-- Accounts as they were last read from the applications.
CREATE TABLE accounts (
    person_id       uuid        NOT NULL,
    application     text        NOT NULL,
    account_id      text,
    login           text        NOT NULL,
    state           text        NOT NULL CHECK (state IN ('none', 'active', 'suspended', 'deleted')),
    attributes      jsonb       NOT NULL,
    entitlements    jsonb       NOT NULL CHECK (jsonb_typeof(entitlements) = 'array'),
    version_epoch   bigint      NOT NULL,
    version_counter bigint      NOT NULL,
    observed_at     timestamptz NOT NULL,
    PRIMARY KEY (person_id, application),
    CHECK ((state IN ('active', 'suspended')) = (account_id IS NOT NULL))
) WITH (fillfactor = 80);

-- Whom a login was ever given to. It is never given to anybody else.
CREATE TABLE logins (
    application text        NOT NULL,
    -- The login in lower case: most applications do not tell the two apart.
    folded      text        NOT NULL,
    login       text        NOT NULL,
    base        text        NOT NULL,
    suffix      integer     NOT NULL CHECK (suffix > 0),
    person_id   uuid        NOT NULL,
    reserved_at timestamptz NOT NULL,
    PRIMARY KEY (application, folded)
);

CREATE INDEX logins_base ON logins (application, base, suffix);

CREATE TABLE actions (
    id              uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    application     text        NOT NULL,
    kind            text        NOT NULL
                    CHECK (kind IN ('create', 'update', 'enable', 'disable', 'grant', 'revoke')),
    entitlement     text        NOT NULL,
    lane            smallint    NOT NULL,
    state           text        NOT NULL
                    CHECK (state IN ('open', 'done', 'already', 'failed', 'superseded')),
    attempts        integer     NOT NULL,
    round           integer     NOT NULL,
    desired_epoch   bigint      NOT NULL,
    desired_counter bigint      NOT NULL,
    error           text        NOT NULL,
    -- The account as it was before it was changed.
    found           jsonb,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    -- An action is only ever looked for together with its person.
    PRIMARY KEY (person_id, id),
    CHECK ((kind IN ('grant', 'revoke')) = (entitlement <> '')),
    CHECK ((state = 'open') = (finished_at IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE UNIQUE INDEX actions_open ON actions (person_id, application, kind, entitlement)
 WHERE state = 'open';
CREATE INDEX actions_failed ON actions (person_id, application) WHERE state = 'failed';
