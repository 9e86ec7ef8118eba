//! Tenure's own evaluation.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rules::Condition;
use rules::population::{Edit, Index, Matches, Model, Population, WhatIf};

use crate::table::Table;
use crate::workload::{Draw, Workload, question};
use crate::{count, median, middle};

/// How many people and edits single measurements are taken of.
const SINGLES: usize = 2_000;
const EDITS: usize = 101;

pub(crate) struct Ours {
    model: Model,
    population: Population,
    matches: Matches,
    index: Index,
}

pub(crate) struct Measured {
    pub(crate) full: Duration,
    pub(crate) rows: Duration,
    pub(crate) person: Duration,
    pub(crate) what_if: Duration,
}

impl Ours {
    pub(crate) fn prepare(workload: &Workload, table: &mut Table) -> Self {
        let mut row = |what: &str, begun: Instant, remark: &str| {
            let time = format!("{:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
            table.add_row([what.to_owned(), time, remark.to_owned()]);
        };
        let begun = Instant::now();
        let policies = workload.policies.iter();
        for policy in policies.clone() {
            let text = policy.condition.text();
            std::hint::black_box(Condition::compile(text, &workload.schema).is_ok());
        }
        row("all conditions compiled", begun, "parsed, checked, lowered; once");
        let begun = Instant::now();
        let people = workload.people.iter().map(|(id, attributes)| (*id, attributes));
        let population = Population::new(&workload.schema, 1, people);
        row("columns of everybody", begun, "once, then by changed person");
        let model = Model::new(
            policies.map(|policy| (policy.name.as_str(), &policy.condition, policy.grants.clone())),
        );
        let begun = Instant::now();
        let matches = Matches::of(&population, &model);
        row("every question asked, and all decisions", begun, "once, then by changed person");
        let begun = Instant::now();
        let index = Index::new(&model);
        row("index over the policies", begun, "once");
        Self { model, population, matches, index }
    }

    pub(crate) fn measure(
        &self,
        workload: &Workload,
        repetitions: usize,
        table: &mut Table,
    ) -> Measured {
        let (model, population) = (&self.model, &self.population);
        let mut matches = Matches::of(population, model);
        let full = median(repetitions, || matches.decide(population, model));
        let decisions = count(workload.people.len()) * count(workload.policies.len());
        let each = full.as_secs_f64() * 1e12 / decisions;
        table.add_row([
            "all decisions".to_owned(),
            format!("{:.2} ms", full.as_secs_f64() * 1e3),
            format!("{decisions} decisions, {each:.0} ps each"),
        ]);

        let mut granted = 0;
        let rows = median(repetitions, || {
            let mut rows: Vec<u32> = Vec::new();
            let mut ends: Vec<usize> = Vec::new();
            matches.for_each_person(population, model, |_place, entitlements| {
                rows.extend(entitlements.iter().filter_map(|index| u32::try_from(*index).ok()));
                ends.push(rows.len());
            });
            granted = std::hint::black_box((rows, ends)).0.len();
        });
        table.add_row([
            "everybody's entitlements, as rows".to_owned(),
            format!("{:.0} ms", rows.as_secs_f64() * 1e3),
            format!("{granted} rows"),
        ]);

        let people = workload.people.iter().step_by((workload.people.len() / SINGLES).max(1));
        let mut tried = 0;
        let mut times: Vec<Duration> = people
            .map(|(_, attributes)| {
                tried += self.index.candidates(attributes).len();
                let begun = Instant::now();
                std::hint::black_box(self.index.entitlements(model, attributes));
                begun.elapsed()
            })
            .collect();
        let person = middle(&mut times);
        let slow = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        table.add_row([
            "one person's entitlements".to_owned(),
            format!("{:.1} us", person.as_secs_f64() * 1e6),
            format!(
                "p99 {:.1} us; {:.1} policies tried of {}",
                slow.as_secs_f64() * 1e6,
                count(tried) / count(times.len()),
                workload.policies.len()
            ),
        ]);

        let mut times: Vec<Duration> =
            (0..EDITS).map(|number| self.edit(workload, number)).collect();
        let what_if = middle(&mut times);
        table.add_row([
            "what if one policy were edited".to_owned(),
            format!("{:.2} ms", what_if.as_secs_f64() * 1e3),
            format!(
                "compiled, asked, exact gains and losses; slowest {:.1} ms",
                times.last().copied().unwrap_or_default().as_secs_f64() * 1e3
            ),
        ]);
        Measured { full, rows, person, what_if }
    }

    fn edit(&self, workload: &Workload, number: usize) -> Duration {
        let place = number * 7 % workload.policies.len();
        let policy = workload.policies.get(place).expect("a place below the number of policies");
        let mut draw = Draw::new(77_000 + u64::try_from(number).unwrap_or_default());
        let text = question(&mut draw).cel();
        let begun = Instant::now();
        let condition = Condition::compile(&text, &workload.schema).expect("a question compiles");
        let edit =
            Edit { policy: &policy.name, condition: Some(&condition), grants: &policy.grants };
        let what_if = WhatIf::of(&self.population, &self.model, &self.matches, &edit);
        let counts = what_if.changes.iter().map(|known| known.gained.count() + known.lost.count());
        std::hint::black_box(counts.sum::<usize>());
        begun.elapsed()
    }

    /// Checks that another engine found the same policies for a sample of people.
    pub(crate) fn agree(
        &self,
        engine: &str,
        people: &[usize],
        found: &[Vec<usize>],
    ) -> anyhow::Result<()> {
        ensure!(people.len() == found.len(), "{engine} did not answer for everybody asked");
        for (place, found) in people.iter().zip(found) {
            let ours: Vec<usize> = (0..self.model.policies().len())
                .filter(|policy| {
                    self.matches.policy(*policy).is_some_and(|holds| holds.has(*place))
                })
                .collect();
            ensure!(*found == ours, "{engine} disagrees about person {place}: {found:?}, {ours:?}");
        }
        Ok(())
    }
}
