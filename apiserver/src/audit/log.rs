//! Where events go: a file of JSON lines that one task owns, or standard output.
//!
//! Start at [`Log::open`]. A request hands over a line and goes on; when the queue is full the line is dropped and
//! counted, which the log says as soon as there is room again. At the end everything that was handed over is written.

use daemon::metrics::{Counter, Registry};
use daemon::{Clock, Tasks, clock};
use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many events wait for the disk.
const QUEUE: usize = 10_000;
/// How many are written at once.
const BATCH: usize = 500;
/// Once the server stops, the log ends when nobody has said anything for so long.
const SILENCE: Duration = Duration::from_millis(200);

/// What a log is told.
#[derive(Clone, Debug)]
pub struct Target {
    /// The file; `-` for standard output.
    pub path: PathBuf,
    /// A file that would become longer, in bytes, is put aside first; 0 for no bound.
    pub max_size: u64,
    /// How many files that were put aside are kept; 0 for all.
    pub max_backup: usize,
    /// How long files that were put aside are kept; nothing for ever.
    pub max_age: Duration,
}

/// The way to the task that writes; cheap to clone.
#[derive(Clone)]
pub(super) struct Log {
    lines: mpsc::Sender<Vec<u8>>,
    logged: Counter,
    dropped: Counter,
}

impl Log {
    pub(super) fn open(target: Target, clock: Clock, metrics: &Registry, tasks: &Tasks) -> io::Result<Self> {
        let (lines, queue) = mpsc::channel(QUEUE);
        let logged =
            metrics.counter("apiserver_audit_event_total", "Audit events that were handed to the log.", &[]);
        let dropped = metrics.counter(
            "apiserver_audit_error_total",
            "Audit events that were dropped or not written.",
            &[],
        );
        let output = Output::open(target, clock)?;
        let writer = Writer { queue, output: Some(output), dropped: dropped.clone(), tasks: tasks.clone() };
        tasks.spawn("audit log", writer.run());
        Ok(Self { lines, logged, dropped })
    }

    /// Hands over a line, without waiting.
    pub(super) fn write(&self, line: Vec<u8>) {
        match self.lines.try_send(line) {
            Ok(()) => self.logged.inc(),
            Err(_) => self.dropped.inc(),
        }
    }
}

/// The task that owns the file.
struct Writer {
    queue: mpsc::Receiver<Vec<u8>>,
    /// Away while a batch is being written.
    output: Option<Output>,
    dropped: Counter,
    tasks: Tasks,
}

impl Writer {
    async fn run(mut self) {
        let (token, mut said) = (self.tasks.token(), self.dropped.get());
        loop {
            let mut batch = Vec::new();
            let received = tokio::select! {
                received = self.queue.recv_many(&mut batch, BATCH) => received,
                () = token.cancelled() => break,
            };
            if received == 0 {
                return;
            }
            self.write(batch).await;
            if self.dropped.get() > said {
                tracing::warn!(
                    events = self.dropped.get() - said,
                    "audit events were dropped or not written"
                );
                said = self.dropped.get();
            }
        }
        // Requests that are still being answered have something to say.
        let mut batch = Vec::new();
        while clock::timeout(SILENCE, self.queue.recv_many(&mut batch, BATCH)).await.is_ok_and(|it| it > 0) {
            self.write(std::mem::take(&mut batch)).await;
        }
    }

    /// Writes beside the runtime's threads.
    async fn write(&mut self, batch: Vec<Vec<u8>>) {
        let Some(mut output) = self.output.take() else { return };
        let count = batch.len();
        let work = move || {
            let written = output.write(&batch);
            (output, written)
        };
        if let Ok(Some((output, written))) = self.tasks.spawn_blocking("audit write", work).await {
            self.output = Some(output);
            if let Err(error) = written {
                tracing::error!(%error, "failed to write the audit log");
                (0..count).for_each(|_| self.dropped.inc());
            }
        }
    }
}

/// The file, and how much is in it.
struct Output {
    target: Target,
    clock: Clock,
    /// None for standard output.
    file: Option<File>,
    size: u64,
}

impl Output {
    fn open(target: Target, clock: Clock) -> io::Result<Self> {
        let mut output = Self { target, clock, file: None, size: 0 };
        if output.target.path != Path::new("-") {
            output.reopen()?;
            output.tidy()?;
        }
        Ok(output)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.target.path)?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    fn write(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let (mut bytes, mut taken) = (Vec::new(), 0);
            for line in rest {
                let more = (bytes.len() + line.len() + 1) as u64;
                if taken > 0 && self.is_full(more) {
                    break;
                }
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
                taken += 1;
            }
            if self.size > 0 && self.is_full(bytes.len() as u64) {
                self.rotate()?;
            }
            match &mut self.file {
                Some(file) => file.write_all(&bytes)?,
                None => io::stdout().write_all(&bytes)?,
            }
            self.size += bytes.len() as u64;
            rest = &rest[taken..];
        }
        Ok(())
    }

    fn is_full(&self, more: u64) -> bool {
        self.file.is_some() && self.target.max_size > 0 && self.size + more > self.target.max_size
    }

    /// Puts the file aside under the time.
    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.target.path;
        std::fs::rename(path, aside_at(path, self.clock.now()))?;
        self.file = None;
        self.reopen()?;
        self.tidy()
    }

    /// Removes what was put aside too long ago, and the oldest of what is too much. Names tell when that was.
    fn tidy(&self) -> io::Result<()> {
        let Target { path, max_backup, max_age, .. } = &self.target;
        if *max_backup == 0 && max_age.is_zero() {
            return Ok(());
        }
        let mut aside = backups(path)?;
        aside.sort();
        let surplus = if *max_backup == 0 { 0 } else { aside.len().saturating_sub(*max_backup) };
        let oldest = self.clock.now().checked_sub(*max_age).ok().filter(|_| !max_age.is_zero());
        let aged = oldest.map_or(0, |it| aside.partition_point(|file| *file < aside_at(path, it)));
        aside.iter().take(surplus.max(aged)).try_for_each(std::fs::remove_file)
    }
}

/// What a file is called that is put aside now.
fn aside_at(path: &Path, now: Timestamp) -> PathBuf {
    let (stem, extension) = parts(path);
    path.with_file_name(format!("{stem}-{}{extension}", now.strftime("%Y-%m-%dT%H-%M-%S.%9f")))
}

/// A file's name before its extension, and the extension with its dot.
fn parts(path: &Path) -> (String, String) {
    let text = |it: Option<&std::ffi::OsStr>| it.map(|it| it.to_string_lossy().into_owned());
    let extension = text(path.extension()).map(|it| format!(".{it}")).unwrap_or_default();
    (text(path.file_stem()).unwrap_or_default(), extension)
}

/// The files that were put aside.
fn backups(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (stem, extension) = parts(path);
    let (start, mut found) = (format!("{stem}-2"), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && name.ends_with(&extension) {
            found.push(folder.join(name));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn full_files_are_put_aside_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let max_age = Duration::ZERO;
        let target = Target { path: path.clone(), max_size: 10, max_backup: 2, max_age };
        let clock = Clock::system();
        let mut output = Output::open(target.clone(), clock.clone()).unwrap();
        output.write(&[b"12345".to_vec(), b"123".to_vec()]).unwrap();
        assert_eq!((std::fs::read(&path).unwrap().len(), names(folder.path())), (10, 1));
        for _ in 0..5 {
            output.write(&[b"12345".to_vec(), b"12345".to_vec()]).unwrap();
        }
        assert_eq!((std::fs::read(&path).unwrap().len(), names(folder.path())), (6, 3));
        // A line that is longer than a file may be is written all the same, and a new start goes on with the file.
        let mut output = Output::open(target, clock).unwrap();
        output.write(&[vec![b'x'; 50]]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), 51);
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_were_put_aside_long_ago_go() {
        let folder = tempfile::tempdir().unwrap();
        let (path, day) = (folder.path().join("audit.log"), Duration::from_secs(24 * 60 * 60));
        let target = Target { path: path.clone(), max_size: 10, max_backup: 0, max_age: 3 * day };
        let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
        let mut output = Output::open(target.clone(), clock.clone()).unwrap();
        for expect in [1, 2, 3, 4, 4, 4] {
            output.write(&[b"1234567".to_vec()]).unwrap();
            assert_eq!(names(folder.path()), expect);
            clock::sleep(day + Duration::from_secs(1)).await;
        }
        clock::sleep(3 * day).await;
        drop(Output::open(target, clock).unwrap());
        assert_eq!(names(folder.path()), 1, "a new start looks, too");
    }

    #[tokio::test]
    async fn what_was_handed_over_is_written_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let target = Target { path: path.clone(), max_size: 0, max_backup: 0, max_age: Duration::ZERO };
        let (tasks, metrics) = (Tasks::new(), Registry::new());
        let log = Log::open(target, Clock::system(), &metrics, &tasks).unwrap();
        for _ in 0..QUEUE + 3 {
            log.write(b"x".to_vec());
        }
        assert_eq!(log.dropped.get(), 3);
        tasks.shutdown().await;
        assert_eq!(std::fs::read(&path).unwrap().len(), 2 * QUEUE);
    }
}
