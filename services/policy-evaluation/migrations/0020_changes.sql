-- The transaction that wrote a person last, so that a replica that keeps people in memory reads only
-- what has changed. A trigger sets it, whoever writes, the previous version of the service included.
--
-- It is no sequence of its own: numbers of a sequence become visible in another order than they are
-- handed out. Of transactions the server itself knows below which number all have ended: the xmin
-- of a snapshot. A reader asks for it first, reads what was written since the one before, and never
-- misses a transaction that was still running.
--
-- A BRIN index is not told of single rows, so updates of people stay heap-only; it finds the blocks
-- that were written lately.

ALTER TABLE people ADD COLUMN changed_in bigint NOT NULL DEFAULT 0;

CREATE FUNCTION people_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$;

CREATE TRIGGER people_changed BEFORE INSERT OR UPDATE ON people
    FOR EACH ROW EXECUTE FUNCTION people_changed();

CREATE INDEX people_changed_in ON people USING brin (changed_in)
    WITH (pages_per_range = 16, autosummarize = on);
