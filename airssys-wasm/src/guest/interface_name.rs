//! Names of interfaces with their versions.

/// Returns true if an interface such as `wasi:io/streams@0.2.6` has this name and version. A name that
/// ends with `*` stands for every name that begins so, and a version that ends with `.` for every version
/// that begins so.
pub(crate) fn matches(name: &str, version: &str, interface: &str) -> bool {
    let (found_name, found_version) = interface.split_once('@').unwrap_or((interface, ""));
    let named = match name.strip_suffix('*') {
        Some(prefix) => found_name.starts_with(prefix),
        None => found_name == name,
    };
    let versioned = match version.ends_with('.') {
        true => found_version.starts_with(version),
        false => found_version == version,
    };
    named && versioned
}
