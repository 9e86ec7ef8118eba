-- What was last told of a person's lifecycle: the version and digest of the last LifecycleChanged;
-- counter 0: nothing was ever told. And when an evaluation of the person was urgent for the last
-- time, so that what follows it does not fall behind. Rows of before have none of it, and nothing
-- reads it but the evaluation that writes it, so the previous version of the service goes on running.

ALTER TABLE people
    ADD COLUMN lifecycle_epoch   bigint NOT NULL DEFAULT 0,
    ADD COLUMN lifecycle_counter bigint NOT NULL DEFAULT 0,
    ADD COLUMN lifecycle_digest  text,
    ADD COLUMN leaver_at         timestamptz,
    ADD CHECK ((lifecycle_digest IS NULL) = (lifecycle_counter = 0));
