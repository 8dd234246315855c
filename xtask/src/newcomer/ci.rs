//! What `.ci/run` runs.

/// Whether a step of the script is this command and nothing less: no argument behind it leaves a
/// part of it out. It may be redirected or piped.
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

/// What a step runs: the words behind its name, which is one word or in quotes.
fn without_name(step: &str) -> &str {
    let quoted = step.strip_prefix('"').and_then(|rest| rest.split_once("\" "));
    quoted.or_else(|| step.split_once(' ')).map_or("", |(_, what)| what.trim())
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
    fn a_step_or_its_function_runs_the_command() {
        assert!(runs(SCRIPT, "cargo xtask test"));
        assert!(runs(SCRIPT, "cargo xtask tidy"));
        assert!(!runs(SCRIPT, "cargo xtask"));
        assert!(!runs(SCRIPT, "cargo xtask coverage"));
    }

    #[test]
    fn a_part_of_the_command_is_not_the_command() {
        let part = SCRIPT.replace("xtask test 2>", "xtask test topic 2>");
        assert!(!runs(&part, "cargo xtask test"));
        let other = SCRIPT.replace("xtask test 2>", "xtask tests 2>");
        assert!(!runs(&other, "cargo xtask test"));
    }

    #[test]
    fn a_function_that_is_no_step_runs_nothing() {
        let unused = SCRIPT.replace("step \"some tests\" tests", "step \"some tests\" true");
        assert!(!runs(&unused, "cargo xtask test"));
        let remark = SCRIPT.replace("    cargo xtask test", "    # cargo xtask test");
        assert!(!runs(&remark, "cargo xtask test"));
    }
}
