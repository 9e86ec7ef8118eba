-- The epochs in which this service has told its state. The epoch itself is a setting and so outside
-- of this database's backups: where it is higher than any here, the whole state is told again in it,
-- part by part, each in the order of its keys up to `told_to`.

CREATE TABLE epochs (
    epoch       bigint      NOT NULL PRIMARY KEY CHECK (epoch > 0),
    part        smallint    NOT NULL DEFAULT 0,
    told_to     uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    events      bigint      NOT NULL DEFAULT 0,
    begun_at    timestamptz NOT NULL,
    finished_at timestamptz
);

-- The first epoch begins with an empty database.
INSERT INTO epochs (epoch, begun_at, finished_at) VALUES (1, 'epoch', 'epoch');
