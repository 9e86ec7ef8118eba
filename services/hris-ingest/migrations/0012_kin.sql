-- Two ids of one human, and one id of two. Only adds, so that the version before it still runs; what that one
-- tells of a person leaves out under which other ids they are known.

ALTER TABLE people ADD COLUMN kin jsonb NOT NULL DEFAULT '{}';

-- Whose a worker was before people were merged; null: always this person's.
ALTER TABLE workers ADD COLUMN merged_from uuid;
ALTER TABLE identities ADD COLUMN merged_from uuid;

-- Whoever was merged has as many numbers for ever as they were people.
ALTER TABLE identities DROP CONSTRAINT identities_person_id_scope_key;
CREATE INDEX identities_person ON identities (person_id, scope);

-- Who decided what, and why.
CREATE TABLE kin_changes (
    id         uuid        NOT NULL PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('merge', 'split')),
    person_id  uuid        NOT NULL REFERENCES people (id),
    other_id   uuid        NOT NULL REFERENCES people (id),
    decided_by text        NOT NULL,
    note       text        NOT NULL,
    decided_at timestamptz NOT NULL
);
