-- Since when everything of a person should agree with the desired access that is kept; empty once it
-- did. It says how long a leaver kept access.

ALTER TABLE people ADD COLUMN awaited_since timestamptz;
