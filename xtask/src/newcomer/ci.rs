//! The steps of `.ci/run`.

/// Returns true if a step of the script is exactly this command, which may be redirected or piped. An
/// argument behind it could leave out a part of it.
pub(crate) fn runs(script: &str, command: &str) -> bool {
    let (mut functions, mut open): (Vec<&str>, Option<&str>) = (Vec::new(), None);
    let mut steps = Vec::new();
    for line in script.lines() {
        match line.strip_suffix("() {") {
            Some(name) => open = Some(name),
            None if line == "}" => open = None,
            None if open.is_some() && is(line.trim(), command) => functions.extend(open),
            None if open.is_none() => steps.extend(line.strip_prefix("step ").map(without_name)),
            None => {}
        }
    }
    steps.into_iter().any(|step| is(step, command) || functions.iter().any(|name| is(step, name)))
}

/// Returns the command of a step: the words behind its name, which is one word or is quoted.
fn without_name(step: &str) -> &str {
    let quoted = step.strip_prefix('"').and_then(|rest| rest.split_once("\" "));
    quoted.or_else(|| step.split_once(' ')).map_or("", |(_, command)| command.trim())
}

fn is(line: &str, command: &str) -> bool {
    let Some(rest) = line.strip_prefix(command) else { return false };
    let words = rest.split('|').next().unwrap_or_default().split_whitespace();
    let is_end = rest.is_empty() || rest.starts_with([' ', '|']);
    is_end && words.into_iter().all(|word| word.contains('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
step() {
    \"$@\"
}

tests() {
    cargo xtask test 2>&1 | tee log
}

step \"some tests\" tests
step tidy cargo xtask tidy
";

    #[test]
    fn a_command_is_found_in_a_step_and_in_its_function() {
        assert!(runs(SCRIPT, "cargo xtask test"));
        assert!(runs(SCRIPT, "cargo xtask tidy"));
        assert!(!runs(SCRIPT, "cargo xtask"));
        assert!(!runs(SCRIPT, "cargo xtask coverage"));
    }

    #[test]
    fn a_command_with_a_filter_is_another_command() {
        let part = SCRIPT.replace("xtask test 2>", "xtask test topic 2>");
        assert!(!runs(&part, "cargo xtask test"));
        let other = SCRIPT.replace("xtask test 2>", "xtask tests 2>");
        assert!(!runs(&other, "cargo xtask test"));
    }

    #[test]
    fn a_function_without_a_step_runs_nothing() {
        let unused = SCRIPT.replace("step \"some tests\" tests", "step \"some tests\" true");
        assert!(!runs(&unused, "cargo xtask test"));
        let remark = SCRIPT.replace("    cargo xtask test", "    # cargo xtask test");
        assert!(!runs(&remark, "cargo xtask test"));
    }
}
