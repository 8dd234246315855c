//! Criterion benches of airssys.
