//! The web app of the examples: sockets, signals and the clock around [`workloads::hello`], which decides everything.

use std::{
    env, fs,
    io::{self, BufReader, Write},
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    process::{self, ExitCode},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SigSet, Signal};
use workloads::hello::{
    App, Deed, Reply,
    http::{self, Request},
    settings::Settings,
};

/// How many requests are answered at once; more wait to be accepted.
const WORKERS: usize = 16;

/// Waits where the user asked for a wait: with no engine of tasks, a thread that sleeps is the simplest timer.
#[allow(clippy::disallowed_methods, reason = "the delays are what the user asked for")]
fn pause(period: Duration) {
    thread::sleep(period);
}

const STACK: usize = 128 * 1024;

/// How long a client may take to send its request or to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where Kubernetes looks for a container's last words unless told otherwise.
const TERMINATION_LOG: &str = "/dev/termination-log";

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let settings = Settings::read(env::args().skip(1), |name| env::var(name).ok(), host.trim())?;
    if settings.once {
        log(&greeting(&settings));
        pause(settings.start_delay);
        return Ok(());
    }
    // Threads inherit the mask, so it is set before there are any, and only this one is told of signals.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(|error| format!("failed to block signals: {error}"))?;
    let listener =
        listen(settings.port).map_err(|error| format!("failed to listen on {}: {error}", settings.port))?;
    let server = Arc::new(Server::new(&settings));
    for _ in 0..WORKERS {
        let (listener, server) = (listener.try_clone().map_err(|error| error.to_string())?, server.clone());
        let worker = thread::Builder::new().stack_size(STACK).spawn(move || server.serve(&listener));
        worker.map_err(|error| format!("failed to start a thread: {error}"))?;
    }
    log(&format!("listening on port {}", settings.port));
    let signal = signals.wait().map_err(|error| format!("failed to wait for signals: {error}"))?;
    log(&format!("{signal}: stopping in {:?}", settings.stop_delay));
    server.app().stop();
    pause(settings.stop_delay);
    Ok(())
}

/// Who it is, in a line.
fn greeting(settings: &Settings) -> String {
    let identity = &settings.identity;
    let node = identity.node.as_deref().unwrap_or("an unnamed node");
    format!(
        "hello from {} on {node}, version {}",
        identity.pod,
        identity.version.as_deref().unwrap_or("unknown")
    )
}

/// Listens on every address, IPv4 included; on IPv4 alone where the host has no IPv6.
fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_| TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], port))))
}

struct Server {
    started: Instant,
    /// Locked while an answer is worked out, never while one is sent.
    app: Mutex<App>,
}

impl Server {
    fn new(settings: &Settings) -> Server {
        Server { started: now(), app: Mutex::new(App::new(settings)) }
    }

    fn app(&self) -> MutexGuard<'_, App> {
        self.app.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, listener: &TcpListener) {
        loop {
            // A client that goes away early, or talks nonsense, is no reason to stop.
            if let Ok((stream, peer)) = listener.accept()
                && let Err(error) = self.meet(&stream, peer)
            {
                log(&format!("{}: {error}", peer.ip().to_canonical()));
            }
        }
    }

    fn meet(&self, stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let Some(request) = Request::read(BufReader::new(stream))? else { return Ok(()) };
        let reply = self.app().answer(&request, self.started.elapsed());
        work(&reply.deed);
        log(&format!("{} {} {} {}", peer.ip().to_canonical(), request.method, request.path, reply.status));
        http::write(stream, &request, &reply)?;
        leave(reply);
        Ok(())
    }
}

/// What is to be done before answering.
fn work(deed: &Deed) {
    match deed {
        Deed::Wait(period) => pause(*period),
        Deed::Burn(period) => {
            let began = now();
            while began.elapsed() < *period {
                std::hint::spin_loop();
            }
        }
        Deed::Nothing | Deed::Exit { .. } => {}
    }
}

/// Exits if the reply says so.
fn leave(reply: Reply) {
    if let Deed::Exit { code, message } = reply.deed {
        // Only a pod has the file; elsewhere there is nobody to read it.
        let _absent = fs::OpenOptions::new()
            .write(true)
            .open(TERMINATION_LOG)
            .map(|mut file| file.write_all(message.as_bytes()));
        process::exit(i32::from(code));
    }
}

#[allow(clippy::disallowed_methods, reason = "a program in an image does not carry the daemons' clock along")]
fn now() -> Instant {
    Instant::now()
}

/// Container logs are the standard output; a closed one must not end the program.
fn log(line: &str) {
    let _closed = writeln!(io::stdout(), "{line}");
}
