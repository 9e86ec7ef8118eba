-- Sources, the runs that read their files, and the people those files tell of.

-- What the newest file that was taken over speaks for; an older one is refused.
CREATE TABLE sources (
    name          text NOT NULL PRIMARY KEY,
    snapshot_date date NOT NULL
);

-- One read of one file. `staging` belongs to the request that reads it, `applying` to the driver.
-- Whoever works on a run has it until `leased_until`; `staged` is true while it may have rows in
-- `staged_rows`. `walk` and `walked_to` say how far its workers were compared and written.
CREATE TABLE runs (
    id               uuid        NOT NULL PRIMARY KEY,
    source           text        NOT NULL,
    file_name        text        NOT NULL,
    mapping          text        NOT NULL,
    contract         text        NOT NULL CHECK (contract IN ('full', 'partial')),
    snapshot_date    date        NOT NULL,
    state            text        NOT NULL
                                 CHECK (state IN ('staging', 'applying', 'finished', 'failed')),
    leased_until     timestamptz NOT NULL,
    staged           boolean     NOT NULL,
    walk             text        NOT NULL CHECK (walk IN ('listed', 'absent', 'end')),
    walked_to        text        COLLATE "C" NOT NULL,
    proves_absence   boolean     NOT NULL DEFAULT false,
    file_rows        bigint      NOT NULL DEFAULT 0,
    people           bigint      NOT NULL DEFAULT 0,
    workers          bigint      NOT NULL DEFAULT 0,
    rejected         bigint      NOT NULL DEFAULT 0,
    rejects          jsonb       NOT NULL DEFAULT '[]',
    people_joined    bigint      NOT NULL DEFAULT 0,
    people_changed   bigint      NOT NULL DEFAULT 0,
    people_left      bigint      NOT NULL DEFAULT 0,
    people_unchanged bigint      NOT NULL DEFAULT 0,
    error            text,
    started_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    CHECK ((state IN ('finished', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL)),
    CHECK (state IN ('finished', 'failed') OR staged)
);

CREATE UNIQUE INDEX runs_one_per_source ON runs (source) WHERE state IN ('staging', 'applying');
CREATE INDEX runs_open ON runs (leased_until) WHERE staged;

-- What a file says, until it is applied. Without content: a row of this worker was rejected.
CREATE TABLE staged_rows (
    run_id    uuid   NOT NULL,
    worker_id text   COLLATE "C" NOT NULL,
    position  bigint NOT NULL,
    content   jsonb,
    PRIMARY KEY (run_id, worker_id, position)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0);

-- Everything known of a person, and the event that told it last.
CREATE TABLE people (
    id           uuid   NOT NULL PRIMARY KEY,
    epoch        bigint NOT NULL,
    counter      bigint NOT NULL,
    display_name text,
    timeline     jsonb  NOT NULL,
    announced    bytea  NOT NULL
);

-- Who a source's worker is. `last_day` is the last working day of the worker's last engagement;
-- absent while one is without an end.
CREATE TABLE workers (
    source    text NOT NULL,
    worker_id text COLLATE "C" NOT NULL,
    person_id uuid NOT NULL REFERENCES people (id),
    last_day  date,
    PRIMARY KEY (source, worker_id)
);

CREATE INDEX workers_person ON workers (person_id);
CREATE INDEX workers_worker ON workers (worker_id);
