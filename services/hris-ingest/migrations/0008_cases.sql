-- What humans must decide. Only adds, so that the version before it still runs.

-- `key` is the source's own word for what is asked about, and one case is open for it at most. `evidence`
-- is what speaks for and against, `hash` stands for exactly that; its values are forgotten when the case
-- closes. `person_id` is who was decided upon.
CREATE TABLE cases (
    id          uuid        NOT NULL PRIMARY KEY,
    kind        text        NOT NULL
                            CHECK (kind IN ('uncertain_match', 'recycled_worker_id', 'not_rehirable',
                                            'conflict', 'missing_worker', 'unknown_value')),
    source      text        NOT NULL,
    key         text        COLLATE "C" NOT NULL,
    people      uuid[]      NOT NULL,
    engagements uuid[]      NOT NULL,
    evidence    jsonb       NOT NULL,
    hash        text        NOT NULL,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,
    outcome     text        CHECK (outcome IN ('same', 'other', 'allow', 'refuse', 'dismiss',
                                               'no_longer_applies')),
    person_id   uuid,
    closed_by   text,
    note        text        NOT NULL DEFAULT '',
    CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CHECK ((closed_by IS NULL) = (outcome IS NULL OR outcome = 'no_longer_applies'))
);

CREATE UNIQUE INDEX cases_one_open ON cases (source, kind, key) WHERE closed_at IS NULL;
CREATE INDEX cases_of_key ON cases (source, kind, key, id);
CREATE INDEX cases_open ON cases (id) WHERE closed_at IS NULL;
CREATE INDEX cases_people ON cases USING gin (people);
