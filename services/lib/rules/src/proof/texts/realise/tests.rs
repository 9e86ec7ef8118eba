use super::*;
use crate::formula::Atom;

const STATES: usize = 20_000;

fn starts(text: &str) -> Word {
    Word::asked(&Atom::StartsWith { attribute: String::new(), text: text.to_owned() }).unwrap()
}

fn ends(text: &str) -> Word {
    Word::asked(&Atom::EndsWith { attribute: String::new(), text: text.to_owned() }).unwrap()
}

fn contains(text: &str) -> Word {
    Word::asked(&Atom::Contains { attribute: String::new(), text: text.to_owned() }).unwrap()
}

fn found(wanted: &[Word], refused: &[Word]) -> Realised {
    let wanted: Vec<&Word> = wanted.iter().collect();
    let refused: Vec<&Word> = refused.iter().collect();
    realise(&wanted, &refused, STATES)
}

#[test]
fn a_text_is_found_where_beginning_and_end_overlap() {
    let refused = [contains("x"), contains("z"), Word::equal("abcabc"), Word::equal("ab")];

    let text = found(&[starts("ab"), ends("bc"), contains("ca")], &refused);

    assert_eq!(text, Realised::Text("abcabbc".to_owned()));
}

#[test]
fn what_no_text_can_be_is_impossible() {
    let impossible: [(&[Word], &[Word]); 7] = [
        (&[starts("ab")], &[contains("b")]),
        (&[starts("ab"), starts("ac")], &[]),
        (&[starts("")], &[contains("")]),
        (&[], &[starts("")]),
        (&[Word::equal("abc")], &[ends("bc")]),
        (&[contains("aa"), Word::equal("aba")], &[]),
        (&[contains("abab")], &[contains("ba")]),
    ];

    for (wanted, refused) in impossible {
        assert_eq!(found(wanted, refused), Realised::Impossible, "{wanted:?} {refused:?}");
    }
}

#[test]
fn every_answer_agrees_with_all_short_texts() {
    let texts: Vec<String> = (0..=6_u32).flat_map(|length| every_text("ab", length)).collect();
    let words: Vec<Word> = ["", "a", "b", "ab", "ba", "aab"]
        .iter()
        .flat_map(|text| [starts(text), ends(text), contains(text)])
        .collect();
    for seed in 0..3_000_usize {
        let pick = |salt: usize| &words[(seed * 7919 + salt * 104_729 + seed / 17) % words.len()];
        let wanted = [pick(1), pick(2)];
        let refused = [pick(3), pick(4), pick(5)];

        let answer = realise(&wanted, &refused, STATES);

        match answer {
            Realised::Text(text) => assert!(accepts(&text, &wanted, &refused), "{text}"),
            Realised::Impossible => {
                assert!(!texts.iter().any(|text| accepts(text, &wanted, &refused)), "seed {seed}");
            }
            Realised::TooMany => panic!("seed {seed}"),
        }
    }
}

fn every_text(letters: &str, length: u32) -> Vec<String> {
    (0..length).fold(vec![String::new()], |texts, _| {
        texts.iter().flat_map(|text| letters.chars().map(move |l| format!("{text}{l}"))).collect()
    })
}

#[test]
fn what_is_too_entangled_has_no_answer() {
    let wanted: Vec<Word> =
        (0..12).map(|n| contains(&format!("a{}b", "ab".repeat(n) + "b"))).collect();
    let wanted: Vec<&Word> = wanted.iter().collect();
    let refused: Vec<Word> = ["x", "z", "q", "bbb", "aaa"].iter().map(|t| contains(t)).collect();
    let mut refused: Vec<&Word> = refused.iter().collect();
    let twice = contains("bbaabb");
    refused.push(&twice);

    assert_eq!(realise(&wanted, &refused, 50), Realised::TooMany);
}
