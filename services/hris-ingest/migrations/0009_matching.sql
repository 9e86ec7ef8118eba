-- Who a worker may be, beside the key and the number for ever. Only adds, so that the version before it
-- still runs.

-- What was said last of each worker that tells humans apart: `mark` is a hash of the value's normal form,
-- and nothing else is kept of it. Sources of one `scope` are compared with each other.
CREATE TABLE worker_marks (
    source    text NOT NULL,
    worker_id text COLLATE "C" NOT NULL,
    scope     text NOT NULL,
    attribute text NOT NULL,
    mark      uuid NOT NULL,
    PRIMARY KEY (source, worker_id, attribute, mark)
);

CREATE INDEX worker_marks_found ON worker_marks (scope, mark);

-- Workers who are marked as not to be hired again.
CREATE TABLE unrehirable_workers (
    source    text NOT NULL,
    worker_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (source, worker_id)
);

-- What waits in a case and is taken over as it is decided: the rows of a worker, and where they come from.
ALTER TABLE cases ADD COLUMN waiting jsonb;
