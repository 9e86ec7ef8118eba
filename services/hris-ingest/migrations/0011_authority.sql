-- Several sources that speak of one person. Only adds, so that the version before it still runs; what
-- that one writes of a person is told without the others' word until the next of them speaks again.

-- What is told of a person of whom several sources speak; null: what is known of them.
ALTER TABLE people ADD COLUMN composed jsonb;

-- What a source's word is worth, as its document said last.
CREATE TABLE authorities (
    source text  NOT NULL PRIMARY KEY,
    says   jsonb NOT NULL
);
