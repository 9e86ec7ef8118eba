//! Proofs agree with an independent solver, z3, on random conditions.
//!
//! What is asked is written twice from one random tree: as CEL, which goes the way of every policy,
//! and as SMT-LIB with z3's theories of texts and whole numbers and three-valued logic written out.

#[path = "z3/solver.rs"]
mod solver;
#[path = "z3/tree.rs"]
mod tree;

use rules::document::AttributeSchema;
use rules::proof::{Answer, Axiom, Budget, Domain, Prover};
use rules::{Condition, Formula};

use tree::{Random, Tree};

const QUESTIONS: u64 = 2_400;
/// How many of them z3 has to answer with the work it may put into each.
const ANSWERED_MIN: usize = 2_350;

#[test]
fn proofs_agree_with_z3_on_random_conditions() {
    let Some(z3) = solver::find() else { return };
    let schema = serde_json::from_str::<AttributeSchema>(tree::SCHEMA).unwrap();
    let compiled = |text: &str| {
        let condition = Condition::compile(text, &schema);
        condition.unwrap_or_else(|found| panic!("{text}: {found:?}")).formula().clone()
    };
    let facts = tree::facts();
    let axioms: Vec<_> = facts
        .iter()
        .map(|(one, then)| Axiom { condition: compiled(&one.cel()), then: compiled(&then.cel()) })
        .collect();
    let with_facts = Prover::new(Domain::of(&schema), axioms, Budget::default());
    let without = Prover::new(Domain::of(&schema), Vec::new(), Budget::default());

    let mut script = String::new();
    let mut answers = Vec::new();
    for seed in 0..QUESTIONS {
        let mut random = Random::new(seed);
        let tree = Tree::any(&mut random);
        let formula = compiled(&tree.cel());
        let taken_for_granted = seed % 2 == 0;
        let (prover, facts) =
            if taken_for_granted { (&with_facts, &facts[..]) } else { (&without, &[][..]) };
        let mode = random.below(8);
        let answer = match mode {
            0 => prover.never_false(&formula),
            1 => prover.always_true(&formula),
            2 => prover.always_false(&formula),
            _ => prover.never_true(&formula),
        };
        check_witness(&formula, &answer, mode, seed);
        answers.push(answer.is_proved());
        script += &tree::question(&tree, mode, facts);
    }

    let theirs = solver::answers(&z3, &script);

    assert_eq!(theirs.len(), answers.len());
    let pairs = answers.iter().zip(&theirs).enumerate();
    let wrong: Vec<_> = pairs
        .filter(|(_, (proved, said))| said.as_str() == if **proved { "sat" } else { "unsat" })
        .map(|(seed, (proved, said))| {
            let tree = Tree::any(&mut Random::new(seed as u64));
            format!("{seed}: proved {proved}, z3 says {said}: {}", tree.cel())
        })
        .collect();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
    // Now and then z3 does not find out that what a text contains has parts of its own.
    let known = theirs.iter().filter(|said| ["sat", "unsat"].contains(&said.as_str())).count();
    assert!(known >= ANSWERED_MIN, "z3 answered {known} of {QUESTIONS} questions");
    let proved = answers.iter().filter(|proved| **proved).count();
    assert!((600..=1_800).contains(&proved), "{proved} of {QUESTIONS} are proofs");
}

/// Every witness is somebody of whom the opposite of the question holds.
fn check_witness(formula: &Formula, answer: &Answer, mode: u64, seed: u64) {
    let witness = match answer {
        Answer::Proved => return,
        Answer::Refuted(witness) => witness,
        Answer::Undecided(why) => panic!("{seed}: {why}"),
    };
    let said = formula.holds(&witness.attributes);
    let as_claimed = match mode {
        0 => said == Some(false),
        1 => said != Some(true),
        2 => said != Some(false),
        _ => said == Some(true),
    };
    assert!(as_claimed && !witness.possible, "{seed}: {witness}: {said:?}");
}
