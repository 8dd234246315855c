use super::*;

/// Runs a shell script in place of the compiler.
fn ended(script: &str) -> Result<Vec<u8>, CompileError> {
    ended_within(&Budget::whole(), script)
}

fn ended_within(budget: &Budget, script: &str) -> Result<Vec<u8>, CompileError> {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("compiler");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, executable).unwrap();
    compile(&program, Settings::Pooled, Kind::Component, b"wasm", budget)
}

#[track_caller]
fn failed(script: &str) -> String {
    match ended(script) {
        Err(CompileError::Child(error)) => error.to_string(),
        Err(CompileError::Refused(error)) => format!("refused: {error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn component_goes_in_and_the_code_comes_out() {
    assert_eq!(ended("/bin/cat").unwrap(), b"wasm");
    let told = ended("echo $0 $* $AIRSSYS_X $HOME; pwd; ulimit -c >/dev/null").unwrap();
    let told = String::from_utf8(told).unwrap();
    let expected =
        format!("{ARGUMENT} pooled component {MEMORY_BYTES} {CPU_SECONDS} {}\n/\n", std::process::id());
    assert!(told.ends_with(&expected), "{told}");
}

#[test]
fn each_end_of_the_compiler_has_its_own_error() {
    for (script, expected) in [
        ("echo bad; exit 3", "refused: bad"),
        ("exit 0", "does not compile: call airssys_wasm::compile_worker first in its main"),
        ("echo memory allocation of 7 bytes failed >&2; kill -ABRT $$", "took more than 2048 MiB of memory"),
        (
            "echo let it start more threads, Resource temporarily unavailable >&2; exit 5",
            "the compiler's process cannot start: let it start more threads",
        ),
        ("kill -XCPU $$", "took more than 120 s of processor time, or 300 s in all"),
        ("kill -KILL $$", "the compiler has failed (signal: 9 (SIGKILL)): it said nothing"),
        ("echo broken >&2; exit 101", "the compiler has failed (exit status: 101): broken"),
        ("kill -SEGV $$", "the compiler has failed (signal: 11"),
    ] {
        let said = failed(script);
        assert!(said.contains(expected), "{script}: {said}");
    }
    let missing =
        compile(Path::new("/no/such/compiler"), Settings::Pooled, Kind::Component, b"", &Budget::whole());
    assert!(matches!(missing, Err(CompileError::Child(ChildError::Start { .. }))));
}

#[test]
fn long_error_is_cut_and_does_not_block_the_compiler() {
    let said = failed("head -c 1000000 /dev/zero | tr '\\0' e >&2; exit 1");
    assert!(said.len() < MAX_TEXT_BYTES + 100, "{}", said.len());
}

#[test]
fn compiler_that_closes_its_output_and_stays_is_ended() {
    let said = failed("exec 1>&-; exec /bin/sleep 1000");
    assert!(said.contains("signal: 9"), "{said}");
}

#[test]
fn parts_of_a_component_share_its_time() {
    let budget = Budget::whole();
    let told = |script: &str| ended_within(&budget, script).map(|code| String::from_utf8(code).unwrap());
    let limit = |told: &str| told.split(' ').nth(5).unwrap().parse::<u64>().unwrap();
    let took = |milliseconds: u64| format!("echo $0 $*; echo {CPU_TIME}{milliseconds} >&2");
    assert_eq!(limit(&told(&took(30_500)).unwrap()), 120);
    assert_eq!(limit(&told(&took(89_000)).unwrap()), 90);
    // A refused part counts too.
    let refused = format!("echo {CPU_TIME}400 >&2; echo bad; exit 3");
    assert!(matches!(told(&refused), Err(CompileError::Refused(_))));
    assert_eq!(limit(&told(&took(100)).unwrap()), 1);
    let Err(CompileError::Child(error)) = told("echo late") else { panic!("it was started") };
    assert!(matches!(error, ChildError::Time { cpu_seconds: 120, .. }), "{error}");
}

#[test]
fn time_on_the_clock_is_shared_and_stands_for_time_that_is_not_told() {
    let budget = Budget::whole();
    budget.spend(Spent { cpu: Duration::ZERO, wall: WALL_TIME - Duration::from_millis(1) });
    let late = ended_within(&budget, "exec /bin/sleep 1000");
    assert!(matches!(late, Err(CompileError::Child(ChildError::Time { .. }))));
    assert_eq!(budget.left(), None);
    let budget = Budget::whole();
    ended_within(&budget, "/bin/cat; echo a warning >&2").unwrap();
    let left = budget.left().unwrap();
    let (cpu, wall) = (Duration::from_secs(CPU_SECONDS) - left.cpu, WALL_TIME - left.wall);
    assert!(cpu == wall && !wall.is_zero(), "{left:?}");
}

#[test]
fn process_that_keeps_the_standard_error_open_is_ended_with_the_compiler() {
    assert_eq!(ended("/bin/sleep 1000 >/dev/null & /bin/cat").unwrap(), b"wasm");
}
