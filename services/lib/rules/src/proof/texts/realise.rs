//! Whether some text has certain parts and lacks others: exact, by walking an automaton.
//!
//! Texts are written with a mark before and a mark after them, so that "begins with", "ends with",
//! "has in it" and "equals" all become "the marked text has this word in it". The automaton is that
//! of Aho and Corasick over all words; a walk in breadth finds a shortest text.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::words::{AFTER, BEFORE, Word};

/// Whether there is such a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Realised {
    Text(String),
    Impossible,
    /// There was no answer within the number of states that may be looked at.
    TooMany,
}

/// How many words can be demanded at once; as many as a mask has bits.
const WANTED_MAX: usize = 64;

/// Finds a text whose marked form has every wanted word in it, and none of the refused ones.
pub(super) fn realise(wanted: &[&Word], refused: &[&Word], states_max: usize) -> Realised {
    let unlike = unlike(wanted.iter().chain(refused).copied());
    let wanted = longest(wanted);
    if let Some(text) = likely(&wanted, refused, unlike) {
        return Realised::Text(text);
    }
    if wanted.len() > WANTED_MAX {
        return Realised::TooMany;
    }
    Automaton::new(&wanted, refused).walk(unlike, states_max)
}

/// Returns the words that are not within another one.
fn longest<'w>(words: &[&'w Word]) -> Vec<&'w Word> {
    let mut kept: Vec<&Word> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let within = |(other, outer): (usize, &&Word)| {
            other != index && word.is_in(outer) && (!outer.is_in(word) || other < index)
        };
        if !words.iter().enumerate().any(within) {
            kept.push(word);
        }
    }
    kept
}

/// Tries the text that people would think of first: the beginning, the parts, the end, with
/// something unlike all of them in between.
fn likely(wanted: &[&Word], refused: &[&Word], unlike: char) -> Option<String> {
    if let [only] = wanted
        && only.is_whole()
    {
        let text = only.text();
        return accepts(&text, wanted, refused).then_some(text);
    }
    let (mut start, mut middle, mut end) = (String::new(), String::new(), String::new());
    for word in wanted {
        if word.begins() {
            start = word.text();
        } else if word.ends() {
            end = word.text();
        } else {
            middle.push(unlike);
            middle.push_str(&word.text());
        }
    }
    let long = format!("{start}{middle}{unlike}{end}");
    let short = format!("{start}{end}");
    [long, short].into_iter().find(|text| accepts(text, wanted, refused))
}

fn accepts(text: &str, wanted: &[&Word], refused: &[&Word]) -> bool {
    let marked = Word::equal(text);
    wanted.iter().all(|word| word.is_in(&marked)) && !refused.iter().any(|word| word.is_in(&marked))
}

/// Returns a letter that none of the words has.
fn unlike<'w>(words: impl Iterator<Item = &'w Word>) -> char {
    let used: BTreeSet<u32> = words.flat_map(Word::letters).collect();
    let liked = "xzqwvkj0123456789".chars();
    liked.chain('a'..=char::MAX).find(|letter| !used.contains(&u32::from(*letter))).unwrap_or('x')
}

#[derive(Default)]
struct Node {
    next: BTreeMap<u32, usize>,
    fallback: usize,
    /// The wanted words that end here.
    wanted: u64,
    /// Whether a refused word ends here.
    refused: bool,
}

struct Automaton {
    nodes: Vec<Node>,
    letters: BTreeSet<u32>,
    all: u64,
}

impl Automaton {
    fn new(wanted: &[&Word], refused: &[&Word]) -> Self {
        let mut automaton = Self {
            nodes: vec![Node::default()],
            letters: BTreeSet::new(),
            all: wanted.iter().enumerate().fold(0, |all, (bit, _)| all | (1 << bit)),
        };
        for (bit, word) in wanted.iter().enumerate() {
            automaton.add(word).wanted |= 1 << bit;
        }
        for word in refused {
            automaton.add(word).refused = true;
        }
        automaton.letters.remove(&BEFORE);
        automaton.letters.remove(&AFTER);
        automaton.link();
        automaton
    }

    fn add(&mut self, word: &Word) -> &mut Node {
        let mut at = 0;
        for letter in word.letters() {
            self.letters.insert(letter);
            at = match self.nodes[at].next.get(&letter) {
                Some(next) => *next,
                None => {
                    self.nodes.push(Node::default());
                    let next = self.nodes.len() - 1;
                    self.nodes[at].next.insert(letter, next);
                    next
                }
            };
        }
        &mut self.nodes[at]
    }

    fn link(&mut self) {
        let mut waiting: VecDeque<usize> = self.nodes[0].next.values().copied().collect();
        // Words that are nothing end at the root, and so at every node.
        for node in &waiting {
            self.inherit(*node, 0);
        }
        while let Some(at) = waiting.pop_front() {
            let next: Vec<_> = self.nodes[at].next.iter().map(|(l, n)| (*l, *n)).collect();
            for (letter, node) in next {
                let fallback = self.step(self.nodes[at].fallback, letter);
                self.nodes[node].fallback = fallback;
                self.inherit(node, fallback);
                waiting.push_back(node);
            }
        }
    }

    fn inherit(&mut self, node: usize, from: usize) {
        self.nodes[node].wanted |= self.nodes[from].wanted;
        self.nodes[node].refused |= self.nodes[from].refused;
    }

    fn step(&self, mut at: usize, letter: u32) -> usize {
        loop {
            if let Some(next) = self.nodes[at].next.get(&letter) {
                return *next;
            }
            if at == 0 {
                return 0;
            }
            at = self.nodes[at].fallback;
        }
    }

    fn walk(&self, unlike: char, states_max: usize) -> Realised {
        let letters: Vec<char> = self
            .letters
            .iter()
            .filter_map(|letter| char::from_u32(*letter))
            .chain([unlike])
            .collect();
        let first = self.step(0, BEFORE);
        if self.nodes[first].refused {
            return Realised::Impossible;
        }
        let mut states = vec![(first, self.nodes[first].wanted, None)];
        let mut seen = BTreeSet::from([(first, self.nodes[first].wanted)]);
        let mut index = 0;
        while let Some((at, mask, _)) = states.get(index).copied() {
            let last = &self.nodes[self.step(at, AFTER)];
            if !last.refused && mask | last.wanted == self.all {
                return Realised::Text(read(&states, index));
            }
            for letter in &letters {
                let next = self.step(at, u32::from(*letter));
                let state = (next, mask | self.nodes[next].wanted);
                if !self.nodes[next].refused && seen.insert(state) {
                    states.push((state.0, state.1, Some((index, *letter))));
                }
            }
            if states.len() > states_max {
                return Realised::TooMany;
            }
            index += 1;
        }
        Realised::Impossible
    }
}

/// A node, the words seen on the way, and from which state it was reached by which letter.
type State = (usize, u64, Option<(usize, char)>);

fn read(states: &[State], mut at: usize) -> String {
    let mut text = Vec::new();
    while let Some((_, _, Some((from, letter)))) = states.get(at) {
        text.push(*letter);
        at = *from;
    }
    text.iter().rev().collect()
}

#[cfg(test)]
mod tests;
