-- What was said of people's engagements: added to, never changed. `people.timeline` is what it comes to.

-- `number` counts a person's facts in the order in which they became known, `sequence` orders what one
-- `source` says; `claims` is a list of what it said.
CREATE TABLE facts (
    person_id     uuid        NOT NULL REFERENCES people (id),
    number        bigint      NOT NULL,
    engagement_id uuid        NOT NULL,
    source        text        NOT NULL,
    sequence      bigint      NOT NULL,
    recorded_at   timestamptz NOT NULL,
    claims        jsonb       NOT NULL,
    PRIMARY KEY (person_id, number)
);

-- Who is known already: what is known of them now, as if each source had said it before everything else.
INSERT INTO facts (person_id, number, engagement_id, source, sequence, recorded_at, claims)
SELECT p.id, place - 1, (e ->> 'id')::uuid, e ->> 'source', -9223372036854775808, now(),
       jsonb_build_array(
           jsonb_build_object('begun', jsonb_build_object(
               'source', e -> 'source', 'worker_id', e -> 'worker_id',
               'quiet_through', e -> 'quiet_through')),
           jsonb_build_object('key', e -> 'key'),
           jsonb_build_object('start', jsonb_build_object(
               'date', e -> 'start_date', 'stated', e -> 'stated_start')),
           jsonb_build_object('end', jsonb_build_object(
               'last_working_day', e -> 'last_working_day',
               'termination_date', e -> 'termination_date', 'absent_since', e -> 'absent_since')),
           jsonb_build_object('ends_at', e -> 'ends_at'),
           jsonb_build_object('zone', e -> 'zone'))
       || (SELECT jsonb_agg(jsonb_build_object('profile', jsonb_build_object(
                      'from', s -> 'from',
                      'attributes', (SELECT COALESCE(jsonb_object_agg(name, s -> 'attributes' -> name), '{}')
                                       FROM (SELECT DISTINCT jsonb_object_keys(t -> 'attributes') AS name
                                               FROM jsonb_array_elements(e -> 'slices') t) names))))
             FROM jsonb_array_elements(e -> 'slices') s)
       || (SELECT jsonb_agg(jsonb_build_object('manager', jsonb_build_object(
                      'from', s -> 'from', 'worker_id', s -> 'manager')))
             FROM jsonb_array_elements(e -> 'slices') s)
  FROM people p, jsonb_array_elements(p.timeline -> 'engagements') WITH ORDINALITY AS t (e, place);
