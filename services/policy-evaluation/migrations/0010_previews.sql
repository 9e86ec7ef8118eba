-- Who applied a release, why, from where and over which other one, and what stands before it: previews
-- with their documents, and second people's approvals of them. Releases of before have none of it, and
-- the previous version of the service writes none, so all of it has a default.

ALTER TABLE releases
    ADD COLUMN base_release bigint NOT NULL DEFAULT 0,
    ADD COLUMN applied_by   text   NOT NULL DEFAULT '',
    ADD COLUMN message      text   NOT NULL DEFAULT '',
    ADD COLUMN revision     text   NOT NULL DEFAULT '',
    ADD COLUMN preview_hash text   NOT NULL DEFAULT '',
    ADD COLUMN approved_by  text   NOT NULL DEFAULT '';

-- The documents are the canonical texts; the summary is a serialized ReleasePreview.
CREATE TABLE previews (
    hash       text        NOT NULL PRIMARY KEY,
    documents  text[]      NOT NULL,
    summary    bytea       NOT NULL,
    made_by    text        NOT NULL,
    message    text        NOT NULL,
    revision   text        NOT NULL,
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE approvals (
    hash        text        NOT NULL REFERENCES previews (hash) ON DELETE CASCADE,
    approved_by text        NOT NULL CHECK (approved_by <> ''),
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (hash, approved_by)
);
