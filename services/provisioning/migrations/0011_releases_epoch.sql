-- A publisher that was restored from a backup gives numbers of releases to others once more. What it
-- says in a higher epoch counts.
ALTER TABLE releases ADD COLUMN epoch bigint NOT NULL DEFAULT 1;
