use super::*;

/// Runs a shell script in place of the compiler.
fn ended(script: &str) -> Result<Vec<u8>, CompileError> {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("compiler");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, executable).unwrap();
    compile(&program, Settings::Pooled, Kind::Component, b"wasm")
}

#[track_caller]
fn failed(script: &str) -> String {
    match ended(script) {
        Err(CompileError::Child(error)) => error.to_string(),
        Err(CompileError::Refused(error)) => format!("refused: {error}"),
        Ok(code) => panic!("{code:?}"),
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
        ("kill -XCPU $$", "took more than 120 s of processor time, or 300 s in all"),
        ("kill -KILL $$", "the compiler has failed (signal: 9 (SIGKILL)): it said nothing"),
        ("echo broken >&2; exit 101", "the compiler has failed (exit status: 101): broken"),
        ("kill -SEGV $$", "the compiler has failed (signal: 11"),
    ] {
        let said = failed(script);
        assert!(said.contains(expected), "{script}: {said}");
    }
    let missing = compile(Path::new("/no/such/compiler"), Settings::Pooled, Kind::Component, b"");
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
