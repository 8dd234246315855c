//! One module of a file.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::uses::{self, Use};

/// A module: the names that it declares, and the paths that its code names.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) children: Vec<Child>,
    pub(crate) uses: Vec<Use>,
    /// The functions, types, constants and macros that it defines.
    pub(crate) items: BTreeSet<String>,
    pub(crate) paths: Vec<CodePath>,
    /// Every identifier of its code, outside of imports.
    pub(crate) words: BTreeSet<String>,
}

/// A module that a module declares.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// The file that an attribute `path` names.
    pub(crate) file: Option<String>,
    /// Its contents, if they are written inline.
    pub(crate) inline: Option<Scope>,
}

/// A path of more than one segment in code, such as `crate::router::Router::new`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CodePath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// Words that an item begins with, so that it ends with `;` or with a block.
const ITEMS: [&str; 16] = [
    "async",
    "auto",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "let",
    "macro_rules",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "use",
];

/// Words before the name of an item.
const NAMED: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

/// Reads a module's tokens.
pub(super) fn read(tokens: TokenStream) -> Scope {
    let mut scope = Scope::default();
    let is_test = Reader::new(tokens, &mut scope, true).run();
    if is_test { Scope::default() } else { scope }
}

struct Reader<'a> {
    tokens: Vec<TokenTree>,
    at: usize,
    scope: &'a mut Scope,
    /// The tokens are those of the module itself, and not of a block in it.
    is_module: bool,
}

impl Reader<'_> {
    fn new(tokens: TokenStream, scope: &mut Scope, is_module: bool) -> Reader<'_> {
        Reader { tokens: tokens.into_iter().collect(), at: 0, scope, is_module }
    }

    /// Reads all tokens. Returns true if an inner attribute says that they are test code.
    fn run(mut self) -> bool {
        let mut passes_on = false;
        let mut file = None;
        while let Some(token) = self.tokens.get(self.at) {
            let line = token.span().start().line;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let is_inner = self.is_punct(self.at + 1, '!');
                    let at = self.at + 1 + usize::from(is_inner);
                    let Some(attribute) = self.group(at, Delimiter::Bracket) else {
                        self.at += 1;
                        continue;
                    };
                    let (is_test, path) = (is_test(&attribute), path_attribute(&attribute));
                    self.at = at + 1;
                    match is_test {
                        true if is_inner => return true,
                        true => self.skip_item(),
                        false => file = path.or(file),
                    }
                    continue;
                }
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    match word.as_str() {
                        "pub" => {
                            passes_on = true;
                            self.at +=
                                1 + usize::from(self.group(self.at + 1, Delimiter::Parenthesis).is_some());
                            continue;
                        }
                        "use" if !self.is_punct(self.at + 1, '<') => self.read_use(line, passes_on),
                        "mod" => self.read_mod(line, file.take()),
                        _ => self.read_word(&word, line),
                    }
                }
                TokenTree::Group(group) => {
                    let inside = group.stream();
                    Reader::new(inside, self.scope, false).run();
                    self.at += 1;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.at += 1,
            }
            passes_on = false;
        }
        false
    }

    fn read_use(&mut self, line: usize, passes_on: bool) {
        let end = self.tokens[self.at..].iter().position(|token| is_punct(token, ';'));
        let end = end.map_or(self.tokens.len(), |length| self.at + length);
        self.scope.uses.extend(uses::read(&self.tokens[self.at + 1..end], line, passes_on));
        self.at = end;
    }

    fn read_mod(&mut self, line: usize, file: Option<String>) {
        let Some(name) = self.ident(self.at + 1) else {
            self.at += 1;
            return;
        };
        let inline = self.group(self.at + 2, Delimiter::Brace).map(|group| read(group.stream()));
        self.scope.children.push(Child { name, line, file, inline });
        self.at += 3;
    }

    fn read_word(&mut self, word: &str, line: usize) {
        if self.is_module {
            let is_macro = word == "macro_rules" && self.is_punct(self.at + 1, '!');
            let name = match NAMED.contains(&word) {
                true => self.ident(self.at + 1),
                false => is_macro.then(|| self.ident(self.at + 2)).flatten(),
            };
            // `const fn` and the like: the name comes behind the last of these words.
            self.scope.items.extend(name.filter(|name| !ITEMS.contains(&name.as_str())));
        }
        let mut segments = vec![word.to_owned()];
        let is_rest = self.at >= 2 && self.is_path_separator(self.at - 2);
        self.at += 1;
        while self.is_path_separator(self.at)
            && let Some(segment) = self.ident(self.at + 2)
        {
            segments.push(segment);
            self.at += 3;
        }
        self.scope.words.extend(segments.iter().cloned());
        // A path behind `::` goes on from a type, or begins with the name of a crate.
        if segments.len() > 1 && !is_rest {
            self.scope.paths.push(CodePath { segments, line });
        }
    }

    /// Skips what an attribute belongs to.
    fn skip_item(&mut self) {
        while self.is_punct(self.at, '#') && self.group(self.at + 1, Delimiter::Bracket).is_some() {
            self.at += 2;
        }
        if self.ident(self.at).is_some_and(|word| word == "pub") {
            self.at += 1 + usize::from(self.group(self.at + 1, Delimiter::Parenthesis).is_some());
        }
        let is_item =
            self.ident(self.at).is_some_and(|word| ITEMS.contains(&word.as_str()) || word == "unsafe");
        while let Some(token) = self.tokens.get(self.at) {
            let is_block = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
            let is_end = is_block || is_punct(token, ';') || (!is_item && is_punct(token, ','));
            self.at += 1;
            if is_end {
                return;
            }
        }
    }

    fn ident(&self, at: usize) -> Option<String> {
        match self.tokens.get(at)? {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        }
    }

    fn group(&self, at: usize, delimiter: Delimiter) -> Option<Group> {
        match self.tokens.get(at)? {
            TokenTree::Group(group) if group.delimiter() == delimiter => Some(group.clone()),
            _ => None,
        }
    }

    fn is_punct(&self, at: usize, punct: char) -> bool {
        self.tokens.get(at).is_some_and(|token| is_punct(token, punct))
    }

    fn is_path_separator(&self, at: usize) -> bool {
        self.is_punct(at, ':') && self.is_punct(at + 1, ':')
    }
}

pub(super) fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(own) if own.as_char() == punct)
}

/// Returns true for `#[test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn is_test(attribute: &Group) -> bool {
    let words: Vec<String> = attribute.stream().into_iter().map(|token| token.to_string()).collect();
    let needs_test = |condition: &str| {
        let condition: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
        let inside = condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
        let all = inside.strip_prefix("all(").and_then(|rest| rest.strip_suffix(')'));
        all.unwrap_or(inside).split(',').any(|word| word == "test")
    };
    match words.as_slice() {
        [word] => word == "test",
        [cfg, condition] => cfg == "cfg" && needs_test(condition),
        _ => false,
    }
}

fn path_attribute(attribute: &Group) -> Option<String> {
    let words: Vec<String> = attribute.stream().into_iter().map(|token| token.to_string()).collect();
    match words.as_slice() {
        [path, _, file] if path == "path" => Some(file.trim_matches('"').to_owned()),
        _ => None,
    }
}
