//! The names that a `use` brings in.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::scope::is_punct;

/// One name that a `use` brings into a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// The segments, without a `*` at the end.
    pub(crate) path: Vec<String>,
    /// Its name in the module: `_` if it has none there, `*` for all names of the path.
    pub(crate) name: String,
    pub(crate) line: usize,
    /// A `pub use` of any visibility.
    pub(crate) passes_on: bool,
}

/// Reads what stands between `use` and `;`.
pub(super) fn read(tokens: &[TokenTree], line: usize, passes_on: bool) -> Vec<Use> {
    let mut found = Vec::new();
    // `::name` begins with a crate, as names of crates do that no module has.
    if tokens.first().is_none_or(|token| !is_punct(token, ':')) {
        tree(tokens, &[], line, passes_on, &mut found);
    }
    found
}

fn tree(tokens: &[TokenTree], before: &[String], line: usize, passes_on: bool, found: &mut Vec<Use>) {
    let mut path = before.to_vec();
    let mut name = None;
    let mut line = line;
    let mut rest = tokens.iter().peekable();
    while let Some(token) = rest.next() {
        line = token.span().start().line.max(line);
        match token {
            TokenTree::Ident(ident) if *ident == "as" => name = rest.next().map(ToString::to_string),
            TokenTree::Ident(ident) if *ident == "self" && !path.is_empty() => {}
            TokenTree::Ident(ident) => path.push(ident.to_string()),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                for part in parts(group.stream()) {
                    tree(&part, &path, line, passes_on, found);
                }
                return;
            }
            token if is_punct(token, '*') => name = Some("*".to_owned()),
            _ => {}
        }
    }
    if let Some(last) = path.last().cloned() {
        found.push(Use { name: name.unwrap_or(last), path, line, passes_on });
    }
}

fn parts(list: TokenStream) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = list.into_iter().collect();
    let parts = tokens.split(|token| is_punct(token, ',')).filter(|part| !part.is_empty());
    parts.map(<[TokenTree]>::to_vec).collect()
}
