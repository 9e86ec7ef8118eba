-- A stream whose creation time differs from the one that is kept was made anew, however far it got
-- since. Checkpoints say how much of the outbox a stream certainly holds: what is older than `floor`
-- was acknowledged at or before `sequence`. A stream that ends between two of them has lost nothing
-- that is older than the floor of the first.

ALTER TABLE relay_streams ADD COLUMN created_at timestamptz;

CREATE TABLE relay_checkpoints (
    stream   text        NOT NULL,
    sequence bigint      NOT NULL,
    floor    uuid        NOT NULL,
    made_at  timestamptz NOT NULL,
    PRIMARY KEY (stream, sequence)
);
