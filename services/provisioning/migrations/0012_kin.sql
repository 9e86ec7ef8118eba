-- People whom a human found to be one, or to be two after all. `kin` is what was last heard of it, and null
-- of nearly everybody.

ALTER TABLE people ADD COLUMN kin jsonb;

-- The person whose id an account carries in the application, where that is not the one whose account it is:
-- it came to them with the other's id, and is known there by it for ever.
ALTER TABLE accounts ADD COLUMN linked_person_id uuid CHECK (linked_person_id <> person_id);

CREATE INDEX accounts_linked ON accounts (linked_person_id, application)
 WHERE linked_person_id IS NOT NULL;
