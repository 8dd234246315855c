//! How to get the programs that a build needs.

pub(crate) const RUST: &str = "Rust is installed through rustup";

pub(crate) const JAVASCRIPT: &str = "components in JavaScript are built with Node.js 18 or later and its npm: install them with \
                                     your system's package manager (on Debian: apt-get install nodejs npm)";

pub(crate) const PYTHON: &str = "components in Python are built with Python 3.9 or later and its venv and pip: install them with \
                                 your system's package manager (on Debian: apt-get install python3 python3-venv)";
