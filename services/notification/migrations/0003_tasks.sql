-- What people are to do in applications that nothing can be asked of, and whether they were told.
CREATE TABLE tasks (
    task_id         uuid        NOT NULL PRIMARY KEY,
    version_epoch   bigint      NOT NULL,
    version_counter bigint      NOT NULL,
    person_id       uuid        NOT NULL,
    application     text        NOT NULL,
    open            boolean     NOT NULL,
    -- What is to be done, in order.
    steps           text[]      NOT NULL,
    revision        integer     NOT NULL,
    assignee        text        NOT NULL,
    -- In lower case.
    address         text        NOT NULL,
    due_at          timestamptz NOT NULL,
    escalations     integer     NOT NULL,
    lane            smallint    NOT NULL,
    -- From when on its assignee is told; nothing is to be told: null.
    tell_at         timestamptz
) WITH (fillfactor = 80);

CREATE INDEX tasks_tell ON tasks (tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX tasks_open ON tasks (address, due_at) WHERE open;

ALTER TABLE messages DROP CONSTRAINT messages_told_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_told_kind_check
    CHECK (told_kind IN ('manager', 'owner', 'last_resort', 'assignee'));
