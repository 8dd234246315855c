//! The file of a host that is killed, or whose disk is full.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use airssys_keyvalue::conformance::{Answer, Api, Call, Subject, When};
use airssys_keyvalue::{File, Memory};
use airssys_wasm::Backends;

/// Names the folder for the part of a test that runs in a child process.
const FOLDER: &str = "AIRSSYS_FAULT_FOLDER";

/// Runs this test again as a child process, under a limit on the size of a file in KiB. It prints what was
/// acknowledged.
fn child(test: &str, folder: &Path, kib: Option<u32>) -> Child {
    // An ignored signal stays ignored: a write beyond the limit then fails, and does not end the process.
    // The unit is 512 bytes in a shell of POSIX.
    let limit = kib.map_or(String::new(), |kib| format!("ulimit -f {}; ", 2 * kib));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; {limit}exec \"$0\" \"$@\"")]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).spawn().unwrap()
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

async fn on_file(folder: &Path) -> Subject {
    Subject::new(Backends::default().with(File), "", Some(folder.to_owned())).await
}

fn set(key: String, value: Vec<u8>) -> Call {
    Call::Set { key, value, ttl_ms: None, when: When::Always }
}

/// Writes increasing numbers to one key per instance, and prints each after it was acknowledged.
async fn write_on(folder: &Path) {
    let subject = on_file(folder).await;
    let write = async |instance: usize| {
        let (name, key) = (format!("all/{instance}"), format!("key-{instance}"));
        for number in 1_u64.. {
            let call = Call::Increment { key: key.clone(), delta: 1 };
            let Answer::Number(sum) = subject.call_in(&name, Api::Own, "kept", call).await else {
                panic!("an increment fails")
            };
            let value = number.to_string().into_bytes();
            let answer = subject.call_in(&name, Api::Own, "kept", set(format!("{key}-{sum}"), value)).await;
            assert!(matches!(answer, Answer::Version(_)), "{answer:?}");
            println!("acknowledged {instance} {sum}");
        }
    };
    tokio::join!(write(1), write(2), write(3), write(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_process_loses_nothing_acknowledged() {
    if let Some(folder) = folder() {
        return write_on(&folder).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for round in 1..=3_usize {
        let mut writer = child("killed_process_loses_nothing_acknowledged", folder.path(), None);
        let output = BufReader::new(writer.stdout.take().unwrap());
        let lines = output.lines().map_while(Result::ok).filter_map(|line| {
            let (instance, sum) = line.split_once("acknowledged ")?.1.split_once(' ')?;
            Some((instance.to_owned(), sum.parse::<i64>().ok()?))
        });
        for (seen, (instance, sum)) in lines.enumerate() {
            acknowledged.entry(instance).or_default().insert(sum);
            if seen == 30 * round {
                // Writes of the others are in flight. The lines before the end are read too.
                writer.kill().unwrap();
            }
        }
        writer.wait().unwrap();
        let subject = on_file(folder.path()).await;
        assert_eq!(acknowledged.len(), 4, "every instance has written");
        for (instance, sums) in &acknowledged {
            let found = subject.get(Api::Own, "kept", &format!("key-{instance}")).await.unwrap();
            let found: i64 = String::from_utf8(found).unwrap().parse().unwrap();
            // One increment may have been done without its acknowledgement.
            let last = *sums.last().unwrap();
            assert!((last..=last + 1).contains(&found), "round {round}: {found} of {last}");
            for sum in sums {
                let key = format!("key-{instance}-{sum}");
                assert!(subject.get(Api::Own, "kept", &key).await.is_some(), "round {round}: {key} is lost");
            }
        }
        subject.host().shutdown(std::time::Duration::from_secs(10)).await;
    }
}

/// Writes until the file may not grow, reads, and makes room.
async fn fill(folder: &Path) {
    let subject = on_file(folder).await;
    let value = vec![7; 1_000_000];
    let mut kept = 0;
    let refused = loop {
        assert!(kept < 1_000, "the disk is never full");
        match subject.call(Api::Own, "kept", set(format!("large-{kept}"), value.clone())).await {
            Answer::Version(_) => kept += 1,
            answer => break answer,
        }
    };
    let full = Answer::Error { name: "quota-exceeded".to_owned(), text: "the disk is full".to_owned() };
    assert_eq!(refused, full);
    println!("acknowledged {kept} 0");
    for round in 0..3 {
        // Reads go on, and a refused write has left nothing.
        for at in 0..kept {
            let found = subject.get(Api::Own, "kept", &format!("large-{at}")).await;
            assert!(found.is_some_and(|found| found == value), "round {round}: {at}");
        }
        assert_eq!(subject.get(Api::Own, "kept", &format!("large-{kept}")).await, None);
        let refused = subject.call(Api::Own, "kept", set("more".to_owned(), vec![0; 8 << 20])).await;
        assert_eq!(refused, full, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_refuses_writes_and_keeps_what_it_has() {
    if let Some(folder) = folder() {
        return fill(&folder).await;
    }
    // Builds the component without the limit.
    drop(Subject::new(Backends::default().with(Memory), "[keyvalue]\n\"*\" = \"memory\"\n", None).await);
    let folder = tempfile::tempdir().unwrap();
    let test = "full_disk_refuses_writes_and_keeps_what_it_has";
    let filled = child(test, folder.path(), Some(16 << 10)).wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&filled.stdout);
    assert!(filled.status.success(), "{output}");
    let kept = output.lines().find_map(|line| line.split_once("acknowledged ")?.1.strip_suffix(" 0"));
    let kept: u32 = kept.unwrap().parse().unwrap();
    assert!(kept >= 5, "{kept} values of 1 MB in 16 MiB");
    // With room again, everything is there, and writes go on.
    let subject = on_file(folder.path()).await;
    for at in 0..kept {
        assert!(subject.get(Api::Own, "kept", &format!("large-{at}")).await.is_some(), "{at}");
    }
    subject.set(Api::Own, "kept", "more", &[0; 1 << 20]).await;
}
