//! A Rust file as its modules: their names, their imports and the paths in their code. Test code
//! is left out.

mod scope;
mod uses;

use proc_macro2::TokenStream;

pub(super) use scope::Scope;
pub(super) use uses::Use;

/// Reads a file's text.
///
/// Returns `None` if the text is not Rust.
pub(super) fn read(text: &str) -> Option<Scope> {
    let tokens: TokenStream = text.parse().ok()?;
    let scope = scope::read(tokens);
    // The tokens of every file that was read would be kept otherwise.
    proc_macro2::extra::invalidate_current_thread_spans();
    Some(scope)
}
