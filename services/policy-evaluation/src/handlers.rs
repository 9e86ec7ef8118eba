//! What is consumed, one file per event.

mod evaluate_people;

pub(crate) use evaluate_people::EvaluatePeople;
