-- What may still be asked of applications within the rates of their documents. One row per rate, shared by
-- all replicas, and written once for a slice of what it allows.
CREATE TABLE budgets (
    application text        NOT NULL,
    -- The endpoint; empty: every request counts.
    path        text        NOT NULL,
    per_seconds integer     NOT NULL CHECK (per_seconds > 0),
    -- When everything that was taken out will have come back, if nothing more is taken.
    full_at     timestamptz NOT NULL,
    PRIMARY KEY (application, path, per_seconds)
);
