-- Accounts that take values from other accounts. `dependencies` is the way back: whose accounts have
-- to be looked at when an account changes. It is written with desired access that names references,
-- and may name more than there are, never fewer. The column is null for the previous version's rows,
-- which waited for nothing.

CREATE TABLE dependencies (
    on_person      uuid NOT NULL,
    on_application text NOT NULL,
    person_id      uuid NOT NULL,
    application    text NOT NULL,
    PRIMARY KEY (on_person, on_application, person_id, application)
);

CREATE INDEX dependencies_person ON dependencies (person_id);

-- Until when the branch waits for another account before its own is made.
ALTER TABLE branches ADD COLUMN waits_until timestamptz;
