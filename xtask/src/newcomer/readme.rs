//! The commands that the README has a newcomer type.

/// The height of the first screen, in lines.
const FIRST_SCREEN: usize = 60;

/// The command that runs the example's app.
pub(crate) const RUN: &str = "cargo run --release -- run examples/quakes/app.toml";
/// The command that runs the tests.
pub(crate) const TEST: &str = "cargo xtask test";

/// A command that the README lacks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ReadmeError {
    #[error("no ```sh block in the README's first {FIRST_SCREEN} lines has the command `{command}`")]
    NoCommand { command: &'static str },
    #[error("no ```sh block of the README begins with `airssys new`")]
    NoComponent,
    #[error("the README's block that begins with `airssys new` has no `{command}`")]
    Incomplete { command: &'static str },
}

/// The README's commands that make a component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Making {
    /// The component's name.
    pub(crate) name: String,
    /// The commands.
    pub(crate) script: String,
}

/// Returns the commands of the first screen: the one for the app, and the one for the tests.
pub(crate) fn first_screen(readme: &str) -> Result<[String; 2], ReadmeError> {
    let blocks = blocks(readme).into_iter().filter(|block| block.line <= FIRST_SCREEN);
    let commands: Vec<String> = blocks.flat_map(|block| commands(&block.text)).collect();
    let find = |command: &'static str| {
        let found = commands.iter().find(|own| *own == command).cloned();
        found.ok_or(ReadmeError::NoCommand { command })
    };
    Ok([find(RUN)?, find(TEST)?])
}

/// Returns the block that makes a component, builds it, adds it to an app and runs the app.
pub(crate) fn making(readme: &str) -> Result<Making, ReadmeError> {
    let mut blocks = blocks(readme).into_iter();
    let block =
        blocks.find(|block| commands(&block.text).first().is_some_and(|line| is(line, "airssys new")));
    let script = block.ok_or(ReadmeError::NoComponent)?.text;
    let lines = commands(&script);
    for command in ["airssys build", "airssys run"] {
        if !lines.iter().any(|line| is(line, command)) {
            return Err(ReadmeError::Incomplete { command });
        }
    }
    let words = lines.iter().filter(|line| is(line, "airssys new")).flat_map(|line| line.split_whitespace());
    let path = words.skip(2).find(|word| !word.starts_with('-')).unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Making { name, script })
}

fn is(line: &str, command: &str) -> bool {
    line.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Returns the commands of a script, without comments.
fn commands(script: &str) -> Vec<String> {
    let lines = script.lines().map(|line| match line.split_once(" #") {
        Some((command, _)) => command.trim(),
        None => line.trim(),
    });
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

struct Block {
    /// Its first line, from 1.
    line: usize,
    text: String,
}

/// Returns the ```sh blocks.
fn blocks(readme: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = readme.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let body = lines.by_ref().map(|(line, _)| line).take_while(|line| !line.starts_with("```"));
        let text = body.flat_map(|line| [line, "\n"]).collect();
        if language.trim() == "sh" {
            blocks.push(Block { line: number, text });
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "\
# airssys

```sh
cargo run --release -- run examples/quakes/app.toml   # builds, then runs
cargo xtask test
```

```text
airssys new no-command
```

## Write a component

```sh
# a new folder
airssys new greeters/hello
airssys build greeters/hello
echo more >> app.toml
airssys run app.toml
```
";

    #[test]
    fn the_commands_of_the_first_screen_are_found() {
        assert_eq!(first_screen(README).unwrap(), [RUN, TEST]);
    }

    #[test]
    fn a_command_that_is_missing_or_too_far_down_is_named() {
        let missing = README.replace("cargo xtask test", "cargo test");
        assert_eq!(first_screen(&missing), Err(ReadmeError::NoCommand { command: TEST }));
        let down = format!("{}{README}", "\n".repeat(60));
        assert_eq!(first_screen(&down), Err(ReadmeError::NoCommand { command: RUN }));
    }

    #[test]
    fn the_block_that_makes_a_component_is_found() {
        let making = making(README).unwrap();
        assert_eq!(making.name, "hello");
        assert!(making.script.starts_with("# a new folder\n") && making.script.ends_with("run app.toml\n"));
    }

    #[test]
    fn a_block_that_does_not_build_or_run_the_component_is_an_error() {
        let unbuilt = README.replace("airssys build", "true");
        assert_eq!(making(&unbuilt), Err(ReadmeError::Incomplete { command: "airssys build" }));
        let gone = README.replace("airssys new greeters", "mkdir greeters");
        assert_eq!(making(&gone), Err(ReadmeError::NoComponent));
    }
}
