//! Where tasks come from: what a relay is told, how a producer puts them, and what the queue says of itself.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use sockeye_relay::queue::{self, NewTask, Queue, QueueError, Stats};
use tokio::runtime::{self, Runtime};

use crate::{
    judge::Made,
    relay::Relay,
    world::{Place, World},
};

/// Where tasks come from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Source {
    /// Put into the file by another process.
    Sqlite,
    /// `LPUSH`.
    List,
    /// `XADD`.
    Stream,
    /// Lines on standard input.
    Stdin,
    /// `POST /tasks`.
    Http,
}

impl Source {
    pub(crate) const ALL: [Self; 5] =
        [Self::Sqlite, Self::List, Self::Stream, Self::Stdin, Self::Http];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::List => "list",
            Self::Stream => "stream",
            Self::Stdin => "stdin",
            Self::Http => "http",
        }
    }

    /// The URL of the queue, whose instances are found dead after half a second.
    pub(crate) fn url(self, world: &World, place: &Place) -> String {
        self.url_with(world, place, "lease=500ms")
    }

    /// The URL of the queue, with these fields.
    pub(crate) fn url_with(self, world: &World, place: &Place, fields: &str) -> String {
        match self {
            Self::Sqlite | Self::Stdin | Self::Http => {
                format!("sqlite:{}?{fields}", place.folder.join("queue.db").display())
            }
            Self::List => world.redis.url(&format!("list={}&{fields}", place.name)),
            Self::Stream => world.redis.url(&format!("stream={}&{fields}", place.name)),
        }
    }

    /// The queue, as it is seen from beside.
    pub(crate) fn queue(self, world: &World, place: &Place) -> Seen {
        Seen::open(&self.url(world, place))
    }
}

/// A queue that somebody else works at.
#[derive(Debug)]
pub(crate) struct Seen {
    queue: Arc<dyn Queue>,
    runtime: Runtime,
}

impl Seen {
    pub(crate) fn open(url: &str) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let queue = runtime.block_on(queue::open(url, queue::Options::default())).unwrap();
        Self { queue, runtime }
    }

    /// What it says of itself; an error while the store can't be asked.
    pub(crate) fn stats(&self) -> Result<Stats, QueueError> {
        self.runtime.block_on(self.queue.stats())
    }

    /// Whether nothing waits, and nobody has anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.stats().is_ok_and(|stats| stats.ready + stats.delayed + stats.claimed == 0)
    }

    /// Waits until it is empty. A store tells nobody what it holds: it is asked.
    #[track_caller]
    pub(crate) fn until_empty(&self, relay: &mut Relay, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.is_empty() {
            assert!(Instant::now() < deadline, "{:?}\n{}", self.stats(), relay.log_end());
            assert!(!relay.has_ended(), "it ended\n{}", relay.log_end());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the store can be written to now.
    pub(crate) fn takes_writes(&self) -> bool {
        self.runtime.block_on(self.queue.pause(false)).is_ok()
    }

    pub(crate) fn find(&self, id: &str) -> Option<sockeye_relay::queue::Seen> {
        self.runtime.block_on(self.queue.find(id)).unwrap()
    }

    /// Puts tasks, as a producer does that shares the store.
    pub(crate) fn put(&self, made: &[Made]) {
        let tasks = made.iter().map(|made| NewTask {
            id: Some(made.id.as_str().into()),
            key: made.key.as_deref().map(Into::into),
            body: made.envelope().into(),
            ..NewTask::default()
        });
        self.runtime.block_on(self.queue.put(tasks.collect())).unwrap();
    }
}

/// Puts tasks, and again those that nobody has told it are put.
#[derive(Debug)]
pub(crate) struct Producer {
    source: Source,
    made: Vec<Made>,
    /// By id: what it was told is put.
    told: Arc<Mutex<BTreeSet<String>>>,
}

impl Producer {
    /// With a store that needs no relay to be put to, all is put already.
    pub(crate) fn new(source: Source, world: &World, place: &Place, made: &[Made]) -> Self {
        let told = Arc::<Mutex<BTreeSet<_>>>::default();
        let envelopes = made.iter().map(Made::envelope);
        match source {
            Source::Sqlite => source.queue(world, place).put(made),
            Source::List => {
                let envelopes: Vec<_> = envelopes.collect();
                let words = ["LPUSH", &place.name].into_iter();
                let words: Vec<_> = words.chain(envelopes.iter().map(String::as_str)).collect();
                world.redis.call(&words).unwrap();
            }
            Source::Stream => {
                for envelope in envelopes {
                    let words = ["XADD", &place.name, "*", "task", &envelope];
                    world.redis.call(&words).unwrap();
                }
            }
            Source::Stdin | Source::Http => {}
        }
        if matches!(source, Source::Sqlite | Source::List | Source::Stream) {
            told.lock().unwrap().extend(made.iter().map(|made| made.id.clone()));
        }
        let producer = Self { source, made: made.to_vec(), told };
        if source == Source::Http {
            producer.feed_requests(place.port);
        }
        producer
    }

    /// Gives a relay the lines that nobody has taken yet; requests find it by themselves.
    pub(crate) fn feed(&self, relay: &mut Relay) {
        if self.source == Source::Stdin {
            let told = self.told.lock().unwrap().clone();
            let left = self.made.iter().filter(|made| !told.contains(&made.id));
            self.feed_lines(relay, left.cloned().collect());
        }
    }

    fn feed_lines(&self, relay: &mut Relay, left: Vec<Made>) {
        let (mut stdin, stdout) = (relay.stdin(), relay.stdout());
        let told = Arc::clone(&self.told);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let id = line.trim().to_owned();
                told.lock().unwrap().insert(id);
            }
        });
        let (told, all) = (Arc::clone(&self.told), self.made.len());
        thread::spawn(move || {
            for made in left {
                // It may be dead by now: what it has not told is fed to the next one.
                if writeln!(stdin, "{}", made.envelope()).is_err() {
                    return;
                }
            }
            // The relay ends with its input.
            while told.lock().unwrap().len() < all && stdin.flush().is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
    }

    /// One at a time, each until it is taken, whoever listens there by then.
    fn feed_requests(&self, port: u16) {
        let (told, made) = (Arc::clone(&self.told), self.made.clone());
        thread::spawn(move || {
            for made in made {
                while !post(port, &made.envelope()).unwrap_or(false) {
                    thread::sleep(Duration::from_millis(20));
                }
                told.lock().unwrap().insert(made.id);
            }
        });
    }

    /// Whether all are put, as far as it was told.
    pub(crate) fn is_done(&self) -> bool {
        self.told.lock().unwrap().len() == self.made.len()
    }
}

/// Posts a task; whether it was taken.
fn post(port: u16, envelope: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "POST /tasks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{envelope}",
        envelope.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 201 "))
}
