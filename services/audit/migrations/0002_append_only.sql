-- The service may append to the log and read it; this comment is what takes the rest from its role.

COMMENT ON TABLE events IS 'append-only';
