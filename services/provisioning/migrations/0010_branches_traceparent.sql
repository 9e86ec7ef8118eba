-- The trace context of what opened a branch's actions last, so that what a worker does for it later
-- belongs to the same trace.
ALTER TABLE branches ADD COLUMN traceparent text;
