-- Runs that are held until two people have looked at what they would change. Only adds, so that the
-- version before it still runs: a held run is leased until it expires, and that version leaves it alone.

-- `held_at`: a limit was exceeded, and people release what is applied of the run. `released_groups`:
-- whom they let be applied; everybody without it. `author`: who handed the file in, if that was said.
-- `fills`: how many rows say something, by attribute. The walk `look` counts what is left of a run of
-- which a part was released.
ALTER TABLE runs
    ADD COLUMN author          text  NOT NULL DEFAULT '',
    ADD COLUMN fills           jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN held_at         timestamptz,
    ADD COLUMN released_groups text[],
    DROP CONSTRAINT runs_state_check,
    ADD CONSTRAINT runs_state_check
        CHECK (state IN ('staging', 'held', 'applying', 'finished', 'failed')),
    DROP CONSTRAINT runs_walk_check,
    ADD CONSTRAINT runs_walk_check
        CHECK (walk IN ('listed', 'absent', 'managers', 'look', 'end'));

CREATE UNIQUE INDEX runs_one_held_per_source ON runs (source) WHERE state = 'held';

-- What a held run would change, by ids alone, and the hash that stands for exactly that.
CREATE TABLE holds (
    run_id     uuid        NOT NULL PRIMARY KEY REFERENCES runs (id),
    hash       text        NOT NULL,
    difference jsonb       NOT NULL,
    exceeded   jsonb       NOT NULL,
    held_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Whose word there is for which hash and which groups; no groups: everybody.
CREATE TABLE hold_approvals (
    run_id      uuid        NOT NULL REFERENCES runs (id),
    hash        text        NOT NULL,
    groups      text[]      NOT NULL,
    name        text        NOT NULL,
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, hash, groups, name)
);

-- Who let what be applied, and when.
CREATE TABLE hold_releases (
    run_id      uuid        NOT NULL REFERENCES runs (id),
    hash        text        NOT NULL,
    groups      text[]      NOT NULL,
    approved_by text        NOT NULL,
    released_by text        NOT NULL,
    released_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, hash, groups)
);
