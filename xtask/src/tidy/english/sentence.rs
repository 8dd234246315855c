//! Sentences, and how they begin.

use super::passage::{CODE, Passage};

/// Words that no sentence begins with.
const HEADLESS: [&str; 9] = ["What", "Who", "Whoever", "Whom", "Whose", "Whether", "Of", "None", "Nobody"];

/// The same for two words.
const HEADLESS_PAIR: [&str; 2] = ["So", "that"];

/// As many words of a sentence are shown.
const SHOWN: usize = 8;

/// A sentence of a passage.
#[derive(Debug)]
pub(super) struct Sentence {
    pub(super) line: usize,
    /// Its words, each with its line, with their punctuation.
    words: Vec<(String, usize)>,
}

/// The sentences of a passage. A colon or a semicolon ends none.
pub(super) fn sentences(passage: &Passage) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut words: Vec<(String, usize)> = Vec::new();
    for own in passage.characters.split(|(character, _)| character.is_whitespace()) {
        let Some((_, line)) = own.first() else { continue };
        let word: String = own.iter().map(|(character, _)| character).collect();
        let is_end = words.last().is_some_and(|(last, _)| ends(last)) && begins(&word);
        if is_end {
            sentences.push(std::mem::take(&mut words));
        }
        words.push((word, *line));
    }
    sentences.push(words);
    let of = |words: Vec<(String, usize)>| Some(Sentence { line: words.first()?.1, words });
    sentences.into_iter().filter_map(of).collect()
}

fn ends(word: &str) -> bool {
    word.trim_end_matches([')', '"', '”', '’', '\'', '*', '_', ']']).ends_with(['.', '?', '!'])
}

/// Returns true if a word may begin a sentence: capitals do, and code.
fn begins(word: &str) -> bool {
    let first = word.chars().find(|character| character.is_alphanumeric() || *character == CODE);
    first.is_some_and(|first| first.is_uppercase() || first == CODE)
}

/// The letters that a word begins with, behind its brackets and quotes.
fn letters(word: &str) -> &str {
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric() && c != CODE);
    let end = word.find(|c: char| !c.is_alphabetic()).unwrap_or(word.len());
    &word[..end]
}

impl Sentence {
    /// The opening word, if it is not what the sentence is about. A question may begin so.
    pub(super) fn headless(&self) -> Option<String> {
        let words: Vec<&str> = self.words.iter().take(2).map(|(word, _)| letters(word)).collect();
        let (last, _) = self.words.last()?;
        let is_question = last.trim_end_matches([')', '"', '”', '*', '_', ']']).ends_with('?');
        let (first, second) = match words[..] {
            _ if is_question => return None,
            [first, second] => (first, second),
            // A word alone, as in a table's cell, is a sentence only if it ends like one.
            [first] if last.ends_with('.') => (first, ""),
            _ => return None,
        };
        let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
        let [so, that] = HEADLESS_PAIR;
        match is(first, so) && is(second, that) {
            true => Some(format!("{first} {second}")),
            false => HEADLESS.iter().any(|word| is(first, word)).then(|| first.to_owned()),
        }
    }

    pub(super) fn is_lower_case(&self) -> bool {
        self.words.first().is_some_and(|(word, _)| letters(word).starts_with(char::is_lowercase))
    }

    /// Phrases that call a thing "no file", each with its line and what to say instead.
    pub(super) fn no_things(&self) -> Vec<(usize, String, &'static str)> {
        let word = |at: usize| self.words.get(at).map_or("", |(word, _)| word.as_str());
        let lower = |at: usize| letters(word(at)).to_ascii_lowercase();
        let mut found = Vec::new();
        for (at, (_, line)) in self.words.iter().enumerate() {
            let before = if at > 0 { lower(at - 1) } else { String::new() };
            let pair = (lower(at), lower(at + 1));
            // "There is none" says that a thing does not exist, and not that it is another one.
            let is_there = before == "there";
            match (pair.0.as_str(), pair.1.as_str()) {
                ("is", "no") if !is_there && !word(at + 2).is_empty() && !self.compares(at + 2) => {
                    let phrase = [word(at), word(at + 1), &letters_or_code(word(at + 2))].join(" ");
                    found.push((*line, phrase, "say \"is not a …\" or \"has no …\""));
                }
                ("is", "none") if !is_there => {
                    found.push((*line, "is none".to_owned(), "say \"is not one of …\""))
                }
                ("none", "if") => {
                    found.push((*line, "none if".to_owned(), "say \"Returns `None` if …\""));
                }
                _ => {}
            }
        }
        found
    }

    /// Returns true for "longer", and for "more than" or "slower than".
    fn compares(&self, at: usize) -> bool {
        let lower = |at: usize| self.words.get(at).map(|(word, _)| letters(word).to_ascii_lowercase());
        let word = lower(at).unwrap_or_default();
        word == "longer" || lower(at + 1).as_deref() == Some("than")
    }

    /// Its first words.
    pub(super) fn shown(&self) -> String {
        let words: Vec<&str> = self.words.iter().take(SHOWN).map(|(word, _)| word.as_str()).collect();
        let rest = if self.words.len() > SHOWN { " …" } else { "" };
        (words.join(" ") + rest).replace(CODE, "`…`").replace(['[', '*'], "")
    }
}

fn letters_or_code(word: &str) -> String {
    match letters(word) {
        "" => word.replace(CODE, "`…`"),
        letters => letters.to_owned(),
    }
}
