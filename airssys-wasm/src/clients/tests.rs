use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// The numbers of the clients whose tasks have ended.
type Gone = Arc<Mutex<Vec<usize>>>;

struct Client(usize, Gone);

impl Drop for Client {
    fn drop(&mut self) {
        lock(&self.1).push(self.0);
    }
}

async fn admit(clients: &mut Clients, number: usize, gone: &Gone) -> Arc<Progress> {
    let client = Client(number, Arc::clone(gone));
    let mut own = None;
    clients.room().await;
    clients.admit(|progress| {
        own = Some(Arc::clone(&progress));
        async move {
            let _client = client;
            std::future::pending::<()>().await;
        }
    });
    // The tasks that were ended end.
    tokio::task::yield_now().await;
    own.unwrap()
}

async fn advance(by: Duration) {
    tokio::time::advance(by).await;
}

const MOMENT: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn quietest_speaker_gives_up_its_place_to_a_client_that_speaks() {
    let (mut clients, gone) = (Clients::at_most(2), Gone::default());
    let first = admit(&mut clients, 1, &gone).await;
    let second = admit(&mut clients, 2, &gone).await;
    first.has_asked();
    advance(MOMENT).await;
    second.has_asked();
    let third = admit(&mut clients, 3, &gone).await;
    assert_eq!(*lock(&gone), [0; 0], "the third has not spoken yet");
    advance(MOMENT).await;
    first.made();
    third.has_asked();
    tokio::task::yield_now().await;
    assert_eq!(*lock(&gone), [2], "the second was quiet for the longest time");
    third.has_asked();
    tokio::task::yield_now().await;
    assert_eq!(*lock(&gone), [2], "the third has its place already");
}

#[tokio::test(start_paused = true)]
async fn loop_of_connects_leaves_a_newcomer_its_time_to_speak() {
    let (mut clients, gone) = (Clients::at_most(2), Gone::default());
    let began = Instant::now();
    let newcomer = admit(&mut clients, 0, &gone).await;
    for number in 1..MAX_NEWCOMERS {
        admit(&mut clients, number, &gone).await;
    }
    // All places are taken, and nobody has had its time.
    assert!(tokio::time::timeout(GRACE - MOMENT, clients.room()).await.is_err());
    assert_eq!(*lock(&gone), [0; 0]);
    newcomer.has_asked();
    // It leaves its place among the newcomers at once.
    admit(&mut clients, 100, &gone).await;
    assert!(began.elapsed() < GRACE && lock(&gone).is_empty());
    for number in 101..1_000 {
        admit(&mut clients, number, &gone).await;
    }
    assert!(!lock(&gone).contains(&0), "the loop goes on, and the speaker keeps its place");
    assert_eq!(lock(&gone)[..3], [1, 2, 3], "newcomers give up their places in their order");
    assert!(began.elapsed() >= GRACE * 10, "each newcomer had its time");
}

#[tokio::test(start_paused = true)]
async fn end_of_a_client_makes_room_at_once() {
    let (mut clients, gone) = (Clients::at_most(2), Gone::default());
    clients.admit(|_| tokio::time::sleep(MOMENT));
    for number in 1..MAX_NEWCOMERS {
        admit(&mut clients, number, &gone).await;
    }
    let began = Instant::now();
    clients.room().await;
    assert_eq!(began.elapsed(), MOMENT);
}

#[tokio::test(start_paused = true)]
async fn speaker_that_takes_no_bytes_is_the_first_to_give_up_its_place() {
    let (mut clients, gone) = (Clients::at_most(2), Gone::default());
    let idle = admit(&mut clients, 1, &gone).await;
    idle.has_asked();
    advance(GRACE * 4).await;
    let deaf = admit(&mut clients, 2, &gone).await;
    deaf.has_asked();
    let (ours, mut theirs) = tokio::io::duplex(100);
    let mut ours = Watched::new(ours, Arc::clone(&deaf));
    let page = [0; 300];
    let mut written = Polled::begin(ours.write_all(&page)).await;
    // It has taken 100 bytes of 300.
    advance(GRACE + MOMENT).await;
    assert!(deaf.rank(deaf.now_ns()) < idle.rank(idle.now_ns()), "the idle client has no answer to take");
    // A client that takes a byte is not deaf.
    theirs.read_exact(&mut [0]).await.unwrap();
    written.poll().await;
    assert!(deaf.rank(deaf.now_ns()) > idle.rank(idle.now_ns()));
    advance(GRACE + MOMENT).await;
    admit(&mut clients, 3, &gone).await.has_asked();
    tokio::task::yield_now().await;
    assert_eq!(*lock(&gone), [2]);
}

#[tokio::test(start_paused = true)]
async fn silent_clients_give_way_before_those_that_have_asked_when_descriptors_are_short() {
    let (mut clients, gone) = (Clients::at_most(2), Gone::default());
    let speaker = admit(&mut clients, 1, &gone).await;
    speaker.has_asked();
    admit(&mut clients, 2, &gone).await;
    admit(&mut clients, 3, &gone).await;
    clients.give_way().await;
    assert_eq!(*lock(&gone), [0; 0], "newcomers have their time to speak");
    advance(GRACE).await;
    clients.give_way().await;
    assert_eq!(*lock(&gone), [2, 3]);
    clients.give_way().await;
    assert_eq!(*lock(&gone), [2, 3, 1]);
}

/// A future that is polled now and then, and is not complete.
struct Polled<F>(Pin<Box<F>>);

impl<F: Future> Polled<F> {
    async fn begin(future: F) -> Polled<F> {
        let mut polled = Polled(Box::pin(future));
        polled.poll().await;
        polled
    }

    async fn poll(&mut self) {
        let polled = poll_fn(|context| Poll::Ready(self.0.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
}
