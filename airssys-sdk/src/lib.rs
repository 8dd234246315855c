//! Write airssys components in Rust: a struct and a trait impl.
