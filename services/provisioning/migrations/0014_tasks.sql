-- What humans do in applications that nothing can be asked of.

-- One row per task; a branch has one that stands at most.
CREATE TABLE tasks (
    id                    uuid        NOT NULL PRIMARY KEY,
    person_id             uuid        NOT NULL,
    application           text        NOT NULL,
    lane                  smallint    NOT NULL,
    state                 text        NOT NULL
                          CHECK (state IN ('open', 'done', 'verified', 'withdrawn')),
    -- What is to be done by the plan: pairs of a kind and an entitlement.
    steps                 jsonb       NOT NULL,
    -- What has to be seen to because the contrary was asked for before.
    amends                jsonb       NOT NULL,
    revision              integer     NOT NULL CHECK (revision > 0),
    -- What the account shall look like.
    login                 text        NOT NULL,
    account_state         text        NOT NULL,
    attributes            jsonb       NOT NULL,
    assignee              text        NOT NULL,
    assignee_mail         text        NOT NULL,
    reason                text        NOT NULL
                          CHECK (reason IN ('owner', 'escalated', 'left', 'handed')),
    due_at                timestamptz NOT NULL,
    leaver_within_seconds bigint      NOT NULL,
    escalations           integer     NOT NULL,
    evidence              text        NOT NULL,
    done_by               text        NOT NULL,
    proof                 text        CHECK (proof IN ('attestation', 'listing')),
    verified_by           text        NOT NULL,
    note                  text        NOT NULL,
    -- Who said what changed it last; empty: a plan or time changed it.
    said_by               text        NOT NULL,
    opened_at             timestamptz NOT NULL,
    changed_at            timestamptz NOT NULL,
    closed_at             timestamptz,
    epoch                 bigint      NOT NULL,
    counter               bigint      NOT NULL,
    CHECK ((state IN ('verified', 'withdrawn')) = (closed_at IS NOT NULL)),
    CHECK ((state = 'verified') = (proof IS NOT NULL))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX tasks_standing ON tasks (person_id, application) WHERE closed_at IS NULL;
CREATE INDEX tasks_due ON tasks (due_at, id) WHERE closed_at IS NULL;
CREATE INDEX tasks_assignee ON tasks (lower(assignee_mail)) WHERE closed_at IS NULL;

-- Addresses of people who have left, in lower case: nothing is asked of them.
CREATE TABLE departures (
    address   text        NOT NULL PRIMARY KEY,
    person_id uuid        NOT NULL,
    left_at   timestamptz NOT NULL
);

CREATE INDEX departures_person ON departures (person_id);

-- The last list of an application's accounts that somebody uploaded, as it will be read.
CREATE TABLE listings (
    application text        NOT NULL PRIMARY KEY,
    accounts    jsonb       NOT NULL,
    uploaded_by text        NOT NULL,
    uploaded_at timestamptz NOT NULL
);

-- Tasks of a person that stand, and actions that were left to humans.
ALTER TABLE people ADD COLUMN tasks integer NOT NULL DEFAULT 0 CHECK (tasks >= 0);
ALTER TABLE people ADD COLUMN manual bigint NOT NULL DEFAULT 0;

-- An action ends as manual when a human has to do it.
ALTER TABLE actions DROP CONSTRAINT actions_state_check;
ALTER TABLE actions ADD CONSTRAINT actions_state_check
    CHECK (state IN ('open', 'done', 'already', 'failed', 'superseded', 'manual'));
