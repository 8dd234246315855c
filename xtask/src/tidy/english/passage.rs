//! Paragraphs, headings, list items and table cells of a text, without its code.

/// A placeholder for code, which stands for one word.
pub(super) const CODE: char = '\u{fffc}';

/// A piece of text in which sentences follow each other.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    /// Its characters, each with its line. Lines are joined by spaces.
    pub(super) characters: Vec<(char, usize)>,
    /// It stands behind a block of code, whose sentence it may complete.
    pub(super) goes_on: bool,
}

impl Passage {
    fn of(line: usize, text: &str) -> Passage {
        let mut passage = Passage::default();
        passage.push(line, text);
        passage
    }

    fn push(&mut self, line: usize, text: &str) {
        if !self.characters.is_empty() {
            self.characters.push((' ', line));
        }
        self.characters.extend(text.trim().chars().map(|character| (character, line)));
    }

    /// The passage with placeholders for code, and without the targets of links.
    fn plain(self) -> Passage {
        let mut plain = Vec::with_capacity(self.characters.len());
        let all = &self.characters;
        let mut at = 0;
        while let Some((character, line)) = all.get(at) {
            let ticks = all[at..].iter().take_while(|(own, _)| *own == '`').count();
            let behind = at + ticks.max(1);
            let end = match character {
                '`' => end_of_code(&all[behind..], ticks).map(|length| behind + length),
                ']' if all.get(at + 1).is_some_and(|(next, _)| *next == '(') => {
                    all[at..].iter().position(|(own, _)| *own == ')').map(|length| at + length + 1)
                }
                _ => None,
            };
            match (character, end) {
                ('`', Some(_)) => plain.push((CODE, *line)),
                (_, Some(_)) => {}
                _ => plain.extend(&all[at..behind]),
            }
            at = end.unwrap_or(behind);
        }
        Passage { characters: plain, ..self }
    }
}

/// The length up to the end of as many backticks.
fn end_of_code(text: &[(char, usize)], ticks: usize) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let own = text[at..].iter().take_while(|(character, _)| *character == '`').count();
        at += own.max(1);
        if own == ticks {
            return Some(at);
        }
    }
    None
}

/// Splits lines of Markdown, or of a comment, into passages.
pub(super) fn passages(lines: impl Iterator<Item = (usize, String)>) -> Vec<Passage> {
    let mut reader = Reader::default();
    for (number, line) in lines {
        reader.line(number, &line);
    }
    reader.flush();
    reader.done.into_iter().map(Passage::plain).collect()
}

#[derive(Default)]
struct Reader {
    done: Vec<Passage>,
    open: Passage,
    fence: Option<&'static str>,
    /// The line before was code.
    behind_code: bool,
    /// The line before was empty.
    behind_blank: bool,
    in_list: bool,
}

impl Reader {
    fn flush(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.characters.is_empty() {
            self.done.push(open);
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        let line = line.strip_prefix("> ").unwrap_or(line);
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let mark = ["```", "~~~"].into_iter().find(|mark| text.starts_with(mark));
        if mark.is_some() || self.fence.is_some() {
            self.flush();
            match (self.fence, mark) {
                (None, mark) => self.fence = mark,
                (open, mark) if open == mark => self.fence = None,
                _ => {}
            }
            self.behind_code = true;
            return;
        }
        let was_blank = std::mem::replace(&mut self.behind_blank, text.is_empty());
        if text.is_empty() {
            return self.flush();
        }
        if indent >= 4 && was_blank && !self.in_list && self.open.characters.is_empty() {
            self.behind_code = true;
            self.behind_blank = true;
            return;
        }
        let goes_on = std::mem::take(&mut self.behind_code);
        self.in_list &= !(was_blank && indent == 0);
        if text.starts_with('|') {
            self.flush();
            self.done.extend(cells(text).into_iter().map(|cell| Passage::of(number, &cell)));
        } else if is_definition(text) {
            self.flush();
        } else if let Some(heading) = heading(text) {
            self.flush();
            self.done.push(Passage::of(number, heading));
        } else if let Some(item) = item(text) {
            self.flush();
            self.in_list = true;
            self.open.push(number, item);
        } else {
            self.open.goes_on |= self.open.characters.is_empty() && goes_on;
            self.open.push(number, text);
        }
    }
}

fn heading(text: &str) -> Option<&str> {
    let title = text.trim_start_matches('#');
    (title.len() < text.len() && title.starts_with(' ')).then(|| title.trim())
}

/// The text of a list item.
fn item(text: &str) -> Option<&str> {
    let mark = text.find(' ')?;
    let (mark, rest) = text.split_at(mark);
    let number = mark.strip_suffix(['.', ')']).unwrap_or_default();
    let is_number =
        !number.is_empty() && number.len() < 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number || matches!(mark, "-" | "*" | "+" | "•")).then(|| rest.trim())
}

/// Returns true for `[label]: target`.
fn is_definition(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .is_some_and(|(label, _)| !label.starts_with('^'))
}

/// The cells of a table's row. A `|` in code does not end a cell.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_code) = (Vec::new(), String::new(), false);
    for character in row.chars() {
        is_code ^= character == '`';
        match character {
            '|' if !is_code => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(character),
        }
    }
    cells.push(cell);
    let is_text = |cell: &String| cell.chars().any(char::is_alphabetic);
    cells.into_iter().filter(is_text).collect()
}
