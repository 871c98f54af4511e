//! Group commit: one thread drains the queue, commits everything as one batch, flushes once, and answers everybody.
//!
//! A lone writer is committed at once. Several writers at a time are waited for a moment, since what a flush costs does
//! not depend on how much it flushes: those who were just answered are likely to write again ([`Company`]). Between
//! batches it trims the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::error::Error;
use crate::mvcc::{Keeper, Mvcc};
use crate::types::{Op, Txn};

/// Beyond this many waiting requests, callers wait for room in the queue.
const QUEUE: usize = 1024;
/// A batch takes no more transactions once it holds this many bytes.
const BATCH_BYTES: usize = 8 << 20;
/// How many entries are trimmed between two batches.
const TRIM: u64 = 512;
/// How long company is waited for: about as long as a flush takes.
const PATIENCE: Duration = Duration::from_millis(1);

enum Request {
    Commit {
        txn: Txn,
        answer: oneshot::Sender<Result<u64, Error>>,
    },
    /// There may be something to trim.
    Nudge,
    /// Stop after what was asked before.
    Close {
        answer: oneshot::Sender<()>,
    },
}

/// The queue's end for callers. Dropping it finishes the queue and waits for the thread.
pub(crate) struct Writer {
    /// None only while dropping.
    queue: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    bell: Arc<Bell>,
}

impl Writer {
    pub(crate) fn start<E: Engine>(mvcc: Arc<Mvcc<E>>, keeper: Keeper) -> std::io::Result<Writer> {
        let (queue, requests) = mpsc::channel(QUEUE);
        let bell = Arc::new(Bell::default());
        let worker = Worker { mvcc, keeper, requests, company: Company::new(bell.clone()), backlog: 0 };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || worker.run())?;
        Ok(Writer { queue: Some(queue), thread: Some(thread), bell })
    }

    /// Queues the transaction and waits for its answer. Once queued it happens, also when the caller goes away.
    pub(crate) async fn commit(&self, txn: Txn) -> Result<u64, Error> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Commit { txn, answer }).await?;
        answered.await.map_err(|_| Error::Closed)?
    }

    pub(crate) async fn nudge(&self) -> Result<(), Error> {
        self.send(Request::Nudge).await
    }

    /// Waits until everything queued so far is answered, and refuses what comes later.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Close { answer }).await?;
        answered.await.map_err(|_| Error::Closed)
    }

    async fn send(&self, request: Request) -> Result<(), Error> {
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(request).await.map_err(|_| Error::Closed)?;
        if let Some(thread) = self.thread.as_ref().filter(|_| self.bell.is_due(queue)) {
            thread.thread().unpark();
        }
        Ok(())
    }
}

/// Wakes the thread while it waits for company.
struct Bell {
    /// How many requests it wants to see; more than there can be while it does not wait.
    wanted: AtomicUsize,
}

impl Default for Bell {
    fn default() -> Bell {
        Bell { wanted: AtomicUsize::new(usize::MAX) }
    }
}

impl Bell {
    fn is_due(&self, queue: &Sender<Request>) -> bool {
        queue.max_capacity() - queue.capacity() >= self.wanted.load(Ordering::Relaxed)
    }
}

/// Who else is about to write.
struct Company {
    /// The writers of the last round and those who waited behind it: with the next request, so many may come.
    expected: usize,
    bell: Arc<Bell>,
}

impl Company {
    fn new(bell: Arc<Bell>) -> Company {
        Company { expected: 1, bell }
    }

    /// Waits until as many requests are there as are expected, the one in hand included, or for as long as patience
    /// lasts. A ring that is missed, or one from an earlier time, costs a smaller batch and nothing else.
    fn gather(&self, requests: &Receiver<Request>) {
        let wanted = self.expected.saturating_sub(1);
        if requests.len() >= wanted {
            return;
        }
        self.bell.wanted.store(wanted, Ordering::Relaxed);
        thread::park_timeout(Duration::ZERO); // Forgets a ring that came too late.
        if requests.len() < wanted {
            thread::park_timeout(PATIENCE);
        }
        self.bell.wanted.store(usize::MAX, Ordering::Relaxed);
    }

    /// Takes note of a round, once its writers are about to be answered.
    fn note(&mut self, round: &Round, requests: &Receiver<Request>) {
        self.expected = QUEUE.min(round.txns.len() + requests.len());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer has panicked");
        }
    }
}

struct Worker<E> {
    mvcc: Arc<Mvcc<E>>,
    keeper: Keeper,
    requests: Receiver<Request>,
    company: Company,
    /// How many entries wait to be trimmed.
    backlog: u64,
}

/// What one round of the writer works on.
#[derive(Default)]
struct Round {
    txns: Vec<Txn>,
    answers: Vec<oneshot::Sender<Result<u64, Error>>>,
    bytes: usize,
    close: Option<oneshot::Sender<()>>,
}

impl<E: Engine> Worker<E> {
    fn run(mut self) {
        while let Some(request) = self.wait() {
            if matches!(request, Request::Commit { .. }) {
                self.company.gather(&self.requests);
            }
            let round = self.gather(request);
            let outcomes = self.mvcc.commit(&mut self.keeper.head, &round.txns);
            self.company.note(&round, &self.requests);
            for (answer, outcome) in round.answers.into_iter().zip(outcomes) {
                // Nobody to tell: the caller went away, the write stays.
                let _ = answer.send(outcome);
            }
            if let Some(answer) = round.close {
                return self.end(answer);
            }
            self.tend(round.txns.len() as u64);
        }
        self.mvcc.hub.close();
    }

    /// The next request; trims as long as there is none. None when all callers are gone.
    fn wait(&mut self) -> Option<Request> {
        while self.backlog > 0 {
            match self.requests.try_recv() {
                Ok(request) => return Some(request),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => self.tend(0),
            }
        }
        self.requests.blocking_recv()
    }

    /// Everything that waits behind `request`, up to a close or a full batch.
    fn gather(&mut self, request: Request) -> Round {
        let mut round = Round::default();
        round.add(request);
        while round.bytes < BATCH_BYTES && round.txns.len() < QUEUE && round.close.is_none() {
            match self.requests.try_recv() {
                Ok(request) => round.add(request),
                Err(_) => break,
            }
        }
        round
    }

    /// Trims at least twice as much as was written, so that the log cannot outgrow its window under load.
    fn tend(&mut self, written: u64) {
        self.backlog = self.mvcc.tend(&mut self.keeper, TRIM.max(written * 2));
    }

    fn end(mut self, answer: oneshot::Sender<()>) {
        // What is still queued is dropped, and with it the answers: their callers get `Closed`.
        self.requests.close();
        self.mvcc.hub.close();
        drop(self);
        let _ = answer.send(());
    }
}

impl Round {
    fn add(&mut self, request: Request) {
        match request {
            Request::Nudge => {}
            Request::Close { answer } => self.close = Some(answer),
            Request::Commit { txn, answer } => {
                self.bytes += txn.ops.iter().map(weight_of).sum::<usize>();
                self.txns.push(txn);
                self.answers.push(answer);
            }
        }
    }
}

fn weight_of(op: &Op) -> usize {
    match op {
        Op::Put { key, value } => key.len() + value.len(),
        Op::Delete { key } => key.len(),
    }
}
