//! Components that flood the log.

use airssys_wasm::{ComponentSpec, Limits};

use super::*;

#[tokio::test]
async fn lines_beyond_the_rate_are_dropped_counted_and_reported() {
    let log = Log::capture();
    let (host, _silent) = scene().await;
    let limits = Limits { log_lines_per_second: 10, ..limits() };
    host.spawn(ComponentSpec { limits, ..trusted("chatty") }).await.unwrap();
    host.tell("chatty", Command::LogForever("flood".to_owned())).await;
    neighbour_answers(&host).await;
    host.drained().await;
    let stats = snapshot(&host, "chatty");
    let reason = "failed: ran longer than its limit of 250 ms (execution_time)";
    assert_eq!((last_reason(&host).as_str(), stats.restarts()), (reason, 1));
    // Those at once, and those of the seconds that it ran, or waited for a processor.
    let written = stats.log.lines;
    assert!(written >= 10 && stats.log.bytes == 5 * written, "{stats:?}");
    assert!(stats.log.dropped_lines > 100 * written, "{stats:?}");
    assert_eq!(stats.log.dropped_bytes, 5 * stats.log.dropped_lines);
    assert!(stats.host_calls_ns > 0);
    let report = "logs more than log_lines_per_second allows (10), so lines are dropped; log less, or raise \
                  log_lines_per_second under [limits]";
    let text = log.text();
    assert_eq!(text.matches(report).count(), 1, "{text}");
    assert_eq!(text.matches("flood").count() as u64, written);
    assert!(host.retire("chatty").await);
    drop(host);
    let text = log.text();
    let rest = format!("{} lines of its log were dropped since the last report", stats.log.dropped_lines - 1);
    assert!(text.contains(&rest), "{rest}\n{text}");
}

#[tokio::test]
async fn printed_lines_share_the_rate_of_logged_ones() {
    let log = Log::capture();
    let host = host();
    let limits = Limits { log_bytes_per_second: 1_024, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("chatty") }).await.unwrap();
    // Three lines of about 304 bytes: on standard output and error, and in the log.
    host.ask("chatty", Command::Say("x".repeat(300))).await.unwrap();
    host.ask("chatty", Command::Say("y".repeat(300))).await.unwrap();
    let stats = snapshot(&host, "chatty").log;
    assert_eq!((stats.lines, stats.dropped_lines), (3, 3), "{stats:?}");
    let text = log.text();
    assert!(text.contains("logs more than log_bytes_per_second allows (1024)"), "{text}");
    assert!(!text.contains("yyy"), "{text}");
}

#[tokio::test]
async fn bytes_are_counted_as_they_are_written_with_their_escapes() {
    let host = host();
    let limits = Limits { log_bytes_per_second: 4_096, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("chatty") }).await.unwrap();
    let _log = Log::capture();
    // Three lines of 300 bytes, which are written as `\u{1b}` each: 1,800 bytes a line.
    host.ask("chatty", Command::Say("\u{1b}".repeat(300))).await.unwrap();
    let stats = snapshot(&host, "chatty").log;
    assert_eq!((stats.lines, stats.dropped_lines), (2, 1), "{stats:?}");
    assert!(stats.bytes >= 2 * 1_800 && stats.dropped_bytes >= 1_800, "{stats:?}");
}
