//! The writer of the standard error: a thread of its own, behind a bounded queue.
//!
//! Nothing else writes there, so that a reader that stalls (a full pipe, a terminal after Ctrl-S) holds
//! up this thread only. Then log lines are dropped and counted, and the app goes on.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most bytes that wait to be written.
const MAX_BYTES: usize = 1 << 20;

/// The most bytes of one write.
const MAX_CHUNK: usize = 16 << 10;

/// The longest wait for a text that the program ends with, or for the last lines of the log.
const PATIENCE: Duration = Duration::from_secs(2);

/// The standard error of this process.
pub(super) static STDERR: LazyLock<Queue> = LazyLock::new(|| Queue::start(io::stderr()));

/// The texts that wait to be written.
pub(super) struct Queue {
    shared: Arc<Shared>,
    /// True if the thread could not be started, so that each text is written at once.
    is_direct: bool,
    /// The longest wait, which is [`PATIENCE`] outside of tests.
    patience: Duration,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    texts: VecDeque<Vec<u8>>,
    /// The bytes of the texts, with those that are being written.
    bytes: usize,
    /// The number of texts that were put into the queue.
    added: u64,
    /// The number of texts that were written, or could not be.
    done: u64,
    /// The number of texts that found no room since the last report.
    dropped: u64,
    /// The number of texts that wait for room. Lines of the log are dropped meanwhile, because they would
    /// take the room again and again.
    waiting: u64,
    /// The kind of the last failure, if the last write failed.
    failed: Option<io::ErrorKind>,
}

impl Queue {
    /// Starts the thread.
    fn start(to: impl Write + Send + 'static) -> Queue {
        let shared = Arc::<Shared>::default();
        let its = Arc::clone(&shared);
        let started =
            std::thread::Builder::new().name("airssys-stderr".to_owned()).spawn(move || its.run(to));
        Queue { shared, is_direct: started.is_err(), patience: PATIENCE }
    }

    /// Adds a text, without waiting. Drops and counts it if the queue is full.
    pub(super) fn add(&self, text: Vec<u8>) {
        self.shared.add(text);
        self.write_if_direct();
    }

    /// Adds a text and waits until it is written, at most for [`PATIENCE`]. Waits for room if the queue is
    /// full, and until it is empty for a text that is larger than the queue.
    ///
    /// # Errors
    /// The last write failed, or the reader is too slow.
    pub(super) fn write(&self, text: Vec<u8>) -> io::Result<()> {
        let deadline = Instant::now() + self.patience;
        let number = self.shared.add_by(deadline, text)?;
        self.write_if_direct();
        self.shared.wait(number, deadline)
    }

    /// Waits until the texts of the queue are written, at most for [`PATIENCE`].
    pub(super) fn flush(&self) {
        let number = self.shared.lock().added;
        // A text that cannot be written is reported nowhere, because this is the standard error.
        drop(self.shared.wait(number, Instant::now() + self.patience));
    }

    fn write_if_direct(&self) {
        if !self.is_direct {
            return;
        }
        loop {
            // The lock ends here, because counting what was written takes it again.
            let next = self.shared.lock().next();
            let Some((chunk, count)) = next else { return };
            let result = io::stderr().write_all(&chunk);
            self.shared.written(chunk.len(), count, result);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a text, or drops it if the queue is full.
    fn add(&self, text: Vec<u8>) {
        let mut state = self.lock();
        if state.waiting > 0 || !state.has_room_for(text.len()) {
            state.dropped += 1;
            return;
        }
        self.push(state, text);
    }

    /// Adds a text as soon as there is room. Returns its number.
    fn add_by(&self, deadline: Instant, text: Vec<u8>) -> io::Result<u64> {
        let mut state = self.lock();
        state.waiting += 1;
        while !state.has_room_for(text.len()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waiting -= 1;
                state.dropped += 1;
                return Err(io::ErrorKind::TimedOut.into());
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        Ok(self.push(state, text))
    }

    fn push(&self, mut state: MutexGuard<'_, State>, text: Vec<u8>) -> u64 {
        state.bytes += text.len();
        state.added += 1;
        state.texts.push_back(text);
        let number = state.added;
        let is_first = state.texts.len() == 1;
        drop(state);
        if is_first {
            self.changed.notify_all();
        }
        number
    }

    fn wait(&self, number: u64, deadline: Instant) -> io::Result<()> {
        let mut state = self.lock();
        while state.done < number {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn run(&self, mut to: impl Write) {
        loop {
            let mut state = self.lock();
            let (chunk, count) = loop {
                match state.next() {
                    Some(next) => break next,
                    None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(state);
            let result = to.write_all(&chunk).and_then(|()| to.flush());
            self.written(chunk.len(), count, result);
        }
    }

    /// Counts texts that were written, or could not be.
    fn written(&self, bytes: usize, count: u64, result: io::Result<()>) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.done += count;
        state.failed = result.err().map(|error| error.kind());
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Returns true if a text of this length can be added. An empty queue has room for any text.
    fn has_room_for(&self, bytes: usize) -> bool {
        self.bytes == 0 || self.bytes.saturating_add(bytes) <= MAX_BYTES
    }

    /// Returns the bytes to write next and the number of their texts. Their bytes still count.
    fn next(&mut self) -> Option<(Vec<u8>, u64)> {
        let mut chunk = self.texts.pop_front()?;
        let mut count = 1;
        while let Some(next) = self.texts.front()
            && chunk.len() + next.len() <= MAX_CHUNK
            && let Some(next) = self.texts.pop_front()
        {
            chunk.extend_from_slice(&next);
            count += 1;
        }
        if self.dropped > 0 && self.texts.is_empty() {
            let dropped = std::mem::take(&mut self.dropped);
            let report = format!(
                "warning: {dropped} lines of the log are missing here, because the reader of the standard \
                 error was too slow\n"
            );
            self.bytes += report.len();
            chunk.extend_from_slice(report.as_bytes());
        }
        Some((chunk, count))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A reader that takes each write when it is asked to.
    struct Stalled(SyncSender<Vec<u8>>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalled() -> (Queue, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(0);
        let queue = Queue { patience: Duration::from_secs(3_600), ..Queue::start(Stalled(sender)) };
        (queue, receiver)
    }

    #[test]
    fn full_queue_drops_lines_and_says_how_many_when_the_reader_goes_on() {
        let (mut queue, reader) = stalled();
        let line = vec![b'x'; 1 << 10];
        let fits = (MAX_BYTES >> 10) as u64;
        for _ in 0..fits + 7 {
            queue.add(line.clone());
        }
        assert_eq!(queue.shared.lock().dropped, 7);
        let patience = std::mem::take(&mut queue.patience);
        assert_eq!(queue.write(line).unwrap_err().kind(), io::ErrorKind::TimedOut);
        queue.patience = patience;
        let mut text = Vec::new();
        while !text.ends_with(b"too slow\n") {
            text.extend(reader.recv().unwrap());
        }
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.matches('x').count() as u64, fits << 10);
        assert!(text.ends_with("warning: 8 lines of the log are missing here, because the reader of the standard error was too slow\n"), "{text}");
        queue.flush();
        assert_eq!(queue.shared.lock().bytes, 0);
    }

    #[test]
    fn write_waits_for_room_and_takes_a_text_larger_than_the_queue() {
        let (queue, reader) = stalled();
        for _ in 0..MAX_BYTES >> 10 {
            queue.add(vec![b'x'; 1 << 10]);
        }
        let large = [vec![b'y'; MAX_BYTES], b"end".to_vec()].concat();
        std::thread::scope(|scope| {
            let written = scope.spawn(|| queue.write(large));
            let mut text = Vec::new();
            while !text.ends_with(b"end") {
                text.extend(reader.recv().unwrap());
            }
            written.join().unwrap().unwrap();
            assert_eq!(text.len(), 2 * MAX_BYTES + 3);
        });
        assert_eq!(queue.shared.lock().dropped, 0);
    }

    #[test]
    fn queue_without_a_thread_writes_each_text_at_once() {
        let queue = Queue { shared: Arc::default(), is_direct: true, patience: Duration::ZERO };
        queue.add(b"a line of a test\n".to_vec());
        assert_eq!(queue.shared.lock().done, 1);
        queue.write(vec![b'\n'; MAX_BYTES + 1]).unwrap();
        let state = queue.shared.lock();
        assert_eq!((state.done, state.bytes, state.dropped), (2, 0, 0));
    }

    #[test]
    fn write_returns_the_error_of_its_text() {
        let (queue, reader) = stalled();
        drop(reader);
        assert_eq!(queue.write(b"x".to_vec()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
