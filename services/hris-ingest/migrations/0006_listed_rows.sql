-- The rows by which sources listed their workers last, so that a file's repetitions are seen as such.

-- `digest` is of what was read of the row and by which mapping, `engagement` of whose it is; `ordinal`
-- counts a worker's rows; `filled` has a bit for each attribute of which it says something. A worker of whom something was learnt otherwise has one row that no file repeats.
CREATE TABLE listed_rows (
    source     text    NOT NULL,
    worker_id  text    COLLATE "C" NOT NULL,
    ordinal    integer NOT NULL,
    digest     uuid    NOT NULL,
    engagement uuid    NOT NULL,
    filled     bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (source, worker_id, ordinal)
);

INSERT INTO listed_rows (source, worker_id, ordinal, digest, engagement)
SELECT source, worker_id, 0, gen_random_uuid(), gen_random_uuid() FROM workers;

-- Whose rows a file did not repeat: they have left, unless other rows are staged of them.
CREATE TABLE unlisted (
    run_id    uuid NOT NULL,
    worker_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, worker_id)
);

-- Workers who are as they were listed last; they are not walked.
ALTER TABLE runs ADD COLUMN unlooked bigint NOT NULL DEFAULT 0;

-- Whether the person has several worker ids in the source: such people are few, and counted one by one.
ALTER TABLE workers ADD COLUMN shared boolean NOT NULL DEFAULT false;

UPDATE workers w SET shared = true
 WHERE EXISTS (SELECT 1 FROM workers o
                WHERE o.source = w.source AND o.person_id = w.person_id AND o.worker_id <> w.worker_id);

CREATE INDEX workers_shared ON workers (source, person_id) WHERE shared;
