-- Managers, people whom several worker ids name, and quiet first files. Only adds, so that the version
-- before it still runs.

-- `quiet`: it is the first file of its source, and nobody is told of what it brings.
ALTER TABLE runs
    ADD COLUMN quiet            boolean NOT NULL DEFAULT false,
    ADD COLUMN managers_unknown bigint  NOT NULL DEFAULT 0,
    DROP CONSTRAINT runs_walk_check,
    ADD CONSTRAINT runs_walk_check CHECK (walk IN ('listed', 'absent', 'managers', 'end'));

-- How the newest file that was taken over is written.
ALTER TABLE sources ADD COLUMN format text NOT NULL DEFAULT '';

-- Whom a source states as managers of a person, past ones included, and who that was told to be;
-- without `manager_person_id`, nobody known.
CREATE TABLE reports (
    person_id         uuid NOT NULL REFERENCES people (id),
    source            text NOT NULL,
    manager           text COLLATE "C" NOT NULL,
    manager_person_id uuid,
    PRIMARY KEY (person_id, source, manager)
);

CREATE INDEX reports_unknown ON reports (source, person_id) WHERE manager_person_id IS NULL;

-- What names a human for ever within a scope that sources declare.
CREATE TABLE identities (
    scope     text NOT NULL,
    identity  text COLLATE "C" NOT NULL,
    person_id uuid NOT NULL REFERENCES people (id),
    PRIMARY KEY (scope, identity),
    UNIQUE (person_id, scope)
);
