use super::*;

/// Two words of two letters, and a letter around and between them, are texts of seven at most.
const LETTERS: [&str; 7] = ["", "a", "b", "ab", "ba", "aa", "bb"];

#[test]
fn parts_go_together_exactly_when_some_text_has_them() {
    let texts: Vec<String> = (0..=7_u32).flat_map(every_text).collect();
    let words: Vec<Word> = LETTERS.iter().flat_map(|text| asked(text)).collect();
    let mut found = 0;
    for seed in 0..1_000_usize {
        let pick = |salt: usize| &words[(seed * 7_919 + salt * 104_729 + seed / 17) % words.len()];
        let parts = [(pick(1), true), (pick(2), true), (pick(3), false), (pick(4), false)];

        let clashes = parts.iter().enumerate().any(|(index, one)| {
            let never = !one.1 && one.0.is_in_all();
            never || parts.iter().skip(index + 1).any(|other| clash(*one, *other))
        });

        let fits = |text: &String| {
            let marked = Word::equal(text);
            parts.iter().all(|(word, so)| word.is_in(&marked) == *so)
        };
        assert_eq!(clashes, !texts.iter().any(fits), "{parts:?}");
        if !clashes {
            let wanted = [parts[0].0, parts[1].0];
            let text = spelled(&wanted, &BTreeSet::from(['a', 'b']));
            assert!(fits(&text), "{text} {parts:?}");
            found += 1;
        }
    }
    assert!((200..800).contains(&found), "{found}");
}

fn asked(text: &str) -> [Word; 3] {
    let (attribute, text) = (String::new(), text.to_owned());
    [
        Atom::StartsWith { attribute: attribute.clone(), text: text.clone() },
        Atom::EndsWith { attribute: attribute.clone(), text: text.clone() },
        Atom::Contains { attribute, text },
    ]
    .map(|atom| Word::asked(&atom).unwrap())
}

fn every_text(length: u32) -> Vec<String> {
    (0..length).fold(vec![String::new()], |texts, _| {
        texts
            .iter()
            .flat_map(|text| ["a", "b", "x"].map(|letter| format!("{text}{letter}")))
            .collect()
    })
}
