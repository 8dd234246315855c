use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::channel;

use super::*;

const INTERVAL: Duration = Duration::from_micros(100);

fn ticker() -> (Arc<Ticker>, Arc<AtomicU64>) {
    let ticks = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&ticks);
    let count = move || {
        counter.fetch_add(1, SeqCst);
        true
    };
    (Ticker::every(INTERVAL, count).unwrap(), ticks)
}

fn wait_until(reached: impl Fn() -> bool) {
    while !reached() {
        thread::sleep(INTERVAL);
    }
}

#[test]
fn ticks_end_without_guests_and_each_entry_brings_them_back() {
    let (ticker, ticks) = ticker();
    for _ in 0..5 {
        wait_until(|| ticker.activity.is_parked());
        let parked_at = ticks.load(SeqCst);
        ticker.wake();
        wait_until(|| ticks.load(SeqCst) > parked_at);
    }
}

#[test]
fn ticker_never_parks_while_it_is_held() {
    let (ticker, ticks) = ticker();
    let hold = ticker.hold();
    for _ in 0..100 {
        let seen = ticks.load(SeqCst);
        wait_until(|| ticks.load(SeqCst) > seen);
        assert!(!ticker.activity.is_parked());
    }
    assert!(ticks.load(SeqCst) > u64::from(2 * LINGER));
    drop(hold);
    wait_until(|| ticker.activity.is_parked());
}

#[test]
fn thread_ends_with_its_ticker_even_when_parked() {
    for parked in [true, false] {
        let (alive, ended) = channel::<()>();
        let tick = move || {
            let _ = &alive;
            true
        };
        let ticker = Ticker::every(INTERVAL, tick).unwrap();
        wait_until(|| !parked || ticker.activity.is_parked());
        drop(ticker);
        // Disconnected, because the thread has dropped its end.
        ended.recv().unwrap_err();
    }
}
