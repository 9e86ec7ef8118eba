-- Whoever runs the service reads and writes rows and owns nothing. Days of outbox and inbox are made
-- and dropped by these functions alone, which run as the owner of the tables.

CREATE FUNCTION make_day(parent text, day date, first uuid, next uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    partition text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF parent NOT IN ('outbox', 'inbox') THEN
        RAISE EXCEPTION '% has no days', parent USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- One replica at a time.
    PERFORM pg_advisory_xact_lock(hashtext('tenure days'));
    IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE c.relname = partition) THEN
        RETURN;
    END IF;
    -- Attaching a ready table does not block readers or writers of the others, as creating it as a
    -- partition would.
    EXECUTE format('CREATE TABLE IF NOT EXISTS public.%I (LIKE public.%I INCLUDING ALL)',
                   partition, parent);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition, first, next);
END
$$;

CREATE FUNCTION drop_day(parent text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF parent NOT IN ('outbox', 'inbox') THEN
        RAISE EXCEPTION '% has no days', parent USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS public.%I', parent || '_' || to_char(day, 'YYYYMMDD'));
END
$$;

REVOKE ALL ON FUNCTION make_day(text, date, uuid, uuid), drop_day(text, date) FROM PUBLIC;
