//! What the server sends is acknowledged once it is safe, and not before.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use sockeye_relay::{
    delivery::Confirm,
    ingress::{Gap, Receipt, ReceiveError, Received, Receiver},
    target::{Options, Standing, Target},
};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use crate::{
    connection::{patient, stands, task},
    world::{PATIENCE, World, policy, target},
};

type Answer = Result<Receipt, ReceiveError>;

#[derive(Debug)]
enum Came {
    Event(Received, oneshot::Sender<Answer>),
    Gap(Gap),
}

/// Hands on what comes, and answers what the test says.
#[derive(Debug)]
struct Desk(mpsc::UnboundedSender<Came>);

impl Receiver for Desk {
    fn receive(&self, received: Received) -> BoxFuture<'static, Answer> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Came::Event(received, answer)).unwrap();
        Box::pin(async move { answered.await.unwrap_or(Err(ReceiveError::Closed)) })
    }

    fn gap(&self, gap: Gap) -> BoxFuture<'static, Answer> {
        self.0.send(Came::Gap(gap)).unwrap();
        Box::pin(std::future::ready(Ok(Receipt::Stored { seq: 1 })))
    }
}

async fn joined(world: &World, options: Options) -> (Arc<Target>, mpsc::UnboundedReceiver<Came>) {
    let (sender, came) = mpsc::unbounded_channel();
    let receiver: Option<Arc<dyn Receiver>> = Some(Arc::new(Desk(sender)));
    let target = target("only", &world.url, Options { receiver, ..options });
    stands(&target, Standing::is_in).await;
    (target, came)
}

async fn next(came: &mut mpsc::UnboundedReceiver<Came>) -> Came {
    time::timeout(PATIENCE, came.recv()).await.expect("it comes in time").unwrap()
}

/// The next is an event that wants an ack.
async fn event(came: &mut mpsc::UnboundedReceiver<Came>, n: u64) -> oneshot::Sender<Answer> {
    match next(came).await {
        Came::Event(received, answer) => {
            let Received { target, namespace, event, args, wants_ack, .. } = received;
            assert_eq!((&*target, &*namespace, &*event), ("only", "/imchat", "told"));
            assert_eq!((args.text(), wants_ack), (&*n.to_string(), true));
            answer
        }
        Came::Gap(gap) => panic!("{gap:?}"),
    }
}

#[tokio::test]
async fn an_ack_goes_out_once_the_event_is_safe() {
    let world = World::new("safe").await;
    let (target, mut came) = joined(&world, Options::default()).await;
    let answers: [(Answer, bool); 5] = [
        (Ok(Receipt::Stored { seq: 1 }), true),
        (Ok(Receipt::Known), true),
        (Ok(Receipt::Dropped), false),
        (Err(ReceiveError::Closed), false),
        (Ok(Receipt::Unwanted), true),
    ];
    let mut acks = 0;
    for (n, (answer, is_acked)) in (0..).zip(answers) {
        target.emit(&task("ask", n), &policy(Confirm::Ack)).await;
        let waiting = event(&mut came, n).await;
        // A question and its answer go both ways after that: an ack would have come by now.
        target.emit(&task("message", n), &policy(Confirm::Ack)).await;
        assert_eq!(world.ledger.acks(), acks, "before it is safe");
        waiting.send(answer).unwrap();
        if is_acked {
            assert_eq!(world.ledger.ack(acks).await, Ok(()));
            acks += 1;
        }
        target.emit(&task("message", n), &policy(Confirm::Ack)).await;
        assert_eq!(
            world.ledger.acks(),
            acks,
            "{n}: whoever takes any ack for a receipt would be deceived"
        );
    }
}

#[tokio::test]
async fn a_gap_stands_between_what_came_before_and_behind_it() {
    let world = World::new("gap").await;
    let (target, mut came) = joined(&world, Options::default()).await;
    target.emit(&task("ask", 1), &policy(Confirm::Ack)).await;
    event(&mut came, 1).await.send(Ok(Receipt::Known)).unwrap();
    let before = std::time::SystemTime::now();
    world.server.of("/imchat").disconnect();
    stands(&target, |standing| standing.is_in() && standing.times() == 2).await;
    target.emit(&task("ask", 2), &policy(Confirm::Ack)).await;
    let Came::Gap(gap) = next(&mut came).await else { panic!("an event before the gap") };
    assert_eq!((&*gap.target, gap.is_recovered), ("only", false));
    assert!(before <= gap.from && gap.from <= gap.to, "{gap:?}");
    event(&mut came, 2).await.send(Ok(Receipt::Known)).unwrap();
}

/// What it is told of connections, by a process that follows another.
#[derive(Debug)]
struct Notes(Mutex<Vec<String>>, SystemTime);

impl Receiver for Notes {
    fn receive(&self, _: Received) -> BoxFuture<'static, Answer> {
        Box::pin(std::future::ready(Ok(Receipt::Unwanted)))
    }

    fn gap(&self, gap: Gap) -> BoxFuture<'static, Answer> {
        let is_first = gap.from == self.1;
        self.0.lock().unwrap().push(format!("gap of {} {is_first}", gap.target));
        Box::pin(std::future::ready(Ok(Receipt::Stored { seq: 1 })))
    }

    fn joined(&self, target: &Arc<str>) {
        self.0.lock().unwrap().push(format!("joined {target}"));
    }

    fn parted(&self, target: &Arc<str>, at: SystemTime) {
        assert!(at > self.1);
        self.0.lock().unwrap().push(format!("parted {target}"));
    }

    fn lost_at(&self, target: &str) -> Option<SystemTime> {
        assert_eq!(target, "only");
        Some(self.1)
    }
}

#[tokio::test]
async fn a_loss_is_noted_when_it_happens() {
    let world = World::new("noted").await;
    let notes = Arc::new(Notes(Mutex::default(), SystemTime::now() - Duration::from_secs(60)));
    let receiver: Option<Arc<dyn Receiver>> = Some(Arc::clone(&notes) as _);
    let target = target("only", &world.url, Options { receiver, ..Options::default() });
    stands(&target, Standing::is_in).await;
    world.server.of("/imchat").disconnect();
    stands(&target, |standing| standing.is_in() && standing.times() == 2).await;
    let told = notes.0.lock().unwrap().clone();
    let expect =
        ["gap of only true", "joined only", "parted only", "gap of only false", "joined only"];
    assert_eq!(told, expect);
}

#[tokio::test]
async fn a_connection_that_brings_too_much_is_ended_and_made_again() {
    for options in [Options::default(), patient()] {
        let is_patient = options.delays.is_some();
        let world = World::new(&format!("crammed-{is_patient}")).await;
        let (target, mut came) = joined(&world, options).await;
        target.emit(&task("ask", 1), &policy(Confirm::Ack)).await;
        event(&mut came, 1).await.send(Ok(Receipt::Disconnect)).unwrap();
        if is_patient {
            // It stays away for the delay between attempts, and says why.
            let because = stands(&target, |standing| match standing {
                Standing::Out { because, .. } => because.contains("no room"),
                Standing::In { .. } => false,
            });
            because.await;
        } else {
            stands(&target, |standing| standing.is_in() && standing.times() == 2).await;
            assert!(matches!(next(&mut came).await, Came::Gap(_)));
        }
    }
}

#[tokio::test]
async fn without_anybody_to_take_it_an_event_is_not_acknowledged() {
    let world = World::new("nobody").await;
    let target = target("only", &world.url, Options::default());
    stands(&target, Standing::is_in).await;
    target.emit(&task("ask", 1), &policy(Confirm::Ack)).await;
    // Both ways after it.
    target.emit(&task("message", 2), &policy(Confirm::Ack)).await;
    assert_eq!(world.ledger.acks(), 0);
}
