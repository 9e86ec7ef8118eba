-- What is listed, packed: a file is held against some hundred values of bytes, not against a million rows.

-- `raw` is of the row's bytes and the mapping, absent where these do not say what the row means; `number`
-- counts what is listed of a source in the order in which it was.
ALTER TABLE listed_rows ADD COLUMN raw uuid;
ALTER TABLE listed_rows ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
-- Not by source first: without statistics that index looks as good for finding workers as their key.
CREATE UNIQUE INDEX listed_rows_number ON listed_rows (number);

-- Makes `raw` a source's own.
CREATE TABLE listed_keys (
    source text NOT NULL PRIMARY KEY,
    key    uuid NOT NULL DEFAULT gen_random_uuid()
);

-- Rows of a source in the order of their numbers, the last being `until`; what has a greater number than any
-- pack is not packed. `marks` is of each row its raw, number, filled and whether it is its worker's first,
-- `details` its digest and engagement, as COPY writes them in binary.
CREATE TABLE listed_packs (
    source  text    NOT NULL,
    until   bigint  NOT NULL,
    rows    integer NOT NULL,
    marks   bytea   NOT NULL,
    details bytea   NOT NULL,
    PRIMARY KEY (source, until)
);

-- They are as good as random.
ALTER TABLE listed_packs ALTER COLUMN marks SET STORAGE EXTERNAL;
ALTER TABLE listed_packs ALTER COLUMN details SET STORAGE EXTERNAL;

-- Packed rows that are listed no more.
CREATE TABLE listed_gone (
    source text   NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (source, number)
);
