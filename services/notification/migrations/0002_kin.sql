-- Who goes on under another id, as the other one's standing says: it may be heard of before the person's
-- own standing says so, and counts from then on.

ALTER TABLE people ADD COLUMN taken_in_by uuid;
