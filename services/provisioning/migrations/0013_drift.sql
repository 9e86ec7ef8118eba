-- Applications read as a whole: what they were seen to have, and how that differs from what they shall hold.

-- One row per application that is watched. Its reading is work like any other: leased, and taken over from
-- whoever died over it.
CREATE TABLE watches (
    application   text        NOT NULL PRIMARY KEY,
    stage         text        NOT NULL DEFAULT 'read'
                  CHECK (stage IN ('rest', 'read', 'strangers', 'compare', 'judge', 'apply')),
    -- When something is to be done next; a lease moves it to the lease's end. Nobody asks for it: null.
    due_at        timestamptz,
    lease         uuid,
    -- The reading in hand, or the last one.
    reading       uuid,
    began_at      timestamptz,
    -- Up to whom it has been compared or applied.
    done_through  uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Whether what it does not show is not there; the reason when that is not so.
    complete      boolean     NOT NULL DEFAULT false,
    error         text        NOT NULL DEFAULT '',
    attempts      integer     NOT NULL DEFAULT 0,
    accounts      bigint      NOT NULL DEFAULT 0,
    holdings      bigint      NOT NULL DEFAULT 0,
    adopted       bigint      NOT NULL DEFAULT 0,
    repairs       bigint      NOT NULL DEFAULT 0,
    -- When a reading was held against what shall be for the first time, and for the last.
    first_read_at timestamptz,
    read_at       timestamptz,
    -- What the breaker says of its repairs, under which hash, and who let them go.
    held          text[]      NOT NULL DEFAULT '{}',
    hash          text        NOT NULL DEFAULT '',
    released_by   text[]      NOT NULL DEFAULT '{}',
    epoch         bigint      NOT NULL DEFAULT 0,
    counter       bigint      NOT NULL DEFAULT 0,
    CHECK (lease IS NULL OR due_at IS NOT NULL)
);

-- What the last reading showed, protected accounts left out.
CREATE TABLE observed_accounts (
    application text  NOT NULL,
    account_id  text  NOT NULL,
    reading     uuid  NOT NULL,
    login       text  NOT NULL,
    state       text  NOT NULL CHECK (state IN ('active', 'suspended')),
    attributes  jsonb NOT NULL,
    -- The person whose id it carries.
    carries     uuid,
    -- Whose it is; null: nobody's who is known, or several people's.
    person_id   uuid,
    PRIMARY KEY (application, account_id)
);

CREATE INDEX observed_accounts_person ON observed_accounts (application, person_id)
 WHERE person_id IS NOT NULL;

-- A login that somebody has in the application is not given to another person.
CREATE INDEX observed_accounts_login ON observed_accounts (application, lower(login));

CREATE TABLE observed_holdings (
    application text NOT NULL,
    account_id  text NOT NULL,
    entitlement text NOT NULL,
    -- The group through which it is held; empty: directly.
    through     text NOT NULL,
    reading     uuid NOT NULL,
    PRIMARY KEY (application, account_id, entitlement)
);

-- By what accounts that are nobody's may be recognised: `employeeNumber=17`, in lower case.
CREATE TABLE observed_keys (
    application text NOT NULL,
    key         text NOT NULL,
    account_id  text NOT NULL,
    PRIMARY KEY (application, key, account_id)
);

-- How applications differ from what they shall hold.
CREATE TABLE drifts (
    id          uuid        NOT NULL PRIMARY KEY,
    application text        NOT NULL,
    kind        text        NOT NULL
                CHECK (kind IN ('unmanaged_account', 'missing_account', 'wrongly_enabled',
                                'wrongly_disabled', 'several_accounts', 'several_people',
                                'orphaned_account', 'unmanaged_grant', 'missing_grant',
                                'attribute_differs')),
    -- Whose account it is; null: nobody's who is known.
    person_id   uuid,
    account_id  text        NOT NULL,
    login       text        NOT NULL,
    -- The entitlement or the attribute.
    item        text        NOT NULL,
    through     text        NOT NULL,
    -- The value an attribute shall have, and the one that was found.
    expected    jsonb,
    observed    jsonb,
    privilege   text        NOT NULL CHECK (privilege IN ('standard', 'elevated', 'admin')),
    -- Whether the account was to be closed when it was found.
    closing     boolean     NOT NULL,
    state       text        NOT NULL
                CHECK (state IN ('reported', 'ignored', 'grace', 'waiting', 'repairing', 'adopted',
                                 'closed')),
    outcome     text        CHECK (outcome IN ('repaired', 'vanished', 'superseded')),
    -- The readings that found it first and last.
    found_by    uuid        NOT NULL,
    found_at    timestamptz NOT NULL,
    seen_by     uuid        NOT NULL,
    seen_at     timestamptz NOT NULL,
    -- When its grace or its adoption ends.
    until       timestamptz,
    owner       text        NOT NULL DEFAULT '',
    decided_by  text        NOT NULL DEFAULT '',
    note        text        NOT NULL DEFAULT '',
    closed_at   timestamptz,
    -- The reading with which its repair began, and the one whose repair it takes back.
    repaired_by uuid,
    undoes      uuid,
    epoch       bigint      NOT NULL,
    counter     bigint      NOT NULL,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((state = 'closed') = (outcome IS NOT NULL))
);

-- One difference stands once.
CREATE UNIQUE INDEX drifts_standing
    ON drifts (application, kind, coalesce(person_id, '00000000-0000-0000-0000-000000000000'),
               account_id, item)
 WHERE state <> 'closed';
CREATE INDEX drifts_person ON drifts (person_id, application) WHERE state <> 'closed';
CREATE INDEX drifts_repaired ON drifts (repaired_by) WHERE repaired_by IS NOT NULL;
CREATE INDEX drifts_state ON drifts (application, state, id);

-- What readings came to.
CREATE TABLE readings (
    id          uuid        NOT NULL PRIMARY KEY,
    application text        NOT NULL,
    began_at    timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    accounts    bigint      NOT NULL,
    holdings    bigint      NOT NULL,
    complete    boolean     NOT NULL,
    adopted     bigint      NOT NULL,
    found       jsonb       NOT NULL,
    repairs     bigint      NOT NULL,
    released_by text[]      NOT NULL
);

CREATE INDEX readings_latest ON readings (application, began_at DESC);
