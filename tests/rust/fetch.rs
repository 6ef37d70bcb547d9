//! Fetching from real sockets, faults included.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fastenv::digest::Sha256;
use fastenv::event::Event;
use fastenv::fetch::{Arrival, Client, FetchError, Fetcher, Options, Source};
use fastenv::fs;
use fastenv::task::Task;
use fastenv::unpack::ReadAt as _;

use crate::http_server::{Ending, Reply, Server};

pub(crate) const MIB: usize = 1 << 20;

/// Bytes that differ everywhere, so that a range in the wrong place shows.
pub(crate) fn bytes(length: usize) -> Arc<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(length + 8);
    while content.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(length);
    Arc::new(content)
}

pub(crate) fn source(urls: &[String], content: &[u8]) -> Source {
    Source {
        index: None,
        urls: urls.to_vec(),
        size: Some(content.len() as u64),
        sha256: Sha256::of(content),
        package: "demo".to_owned(),
        file_name: "demo-1.0-py3-none-any.whl".to_owned(),
    }
}

/// Quick to despair, and with a small idea of what is large.
pub(crate) fn options() -> Options {
    Options {
        connections: 4,
        stall_timeout: Duration::from_secs(1),
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_secs(2),
        memory_file: 2 << 20,
        memory: 8 << 20,
        piece: 512 << 10,
        ..Options::default()
    }
}

pub(crate) struct Run {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) task: Task,
    pub(crate) events: Receiver<Event>,
    pub(crate) fetcher: Option<Fetcher>,
}

impl Run {
    pub(crate) fn new(options: Options) -> Self {
        Self::within(tempfile::tempdir().unwrap(), options)
    }

    /// With what an earlier run left there.
    pub(crate) fn within(folder: tempfile::TempDir, options: Options) -> Self {
        let (sender, events) = channel();
        let task = Task::new(Some(sender));
        let fetcher = Some(Fetcher::new(Client::new(options), folder.path(), &task));
        Self { folder, task, events, fetcher }
    }

    pub(crate) fn open(&self, path: &Path, source: Source) -> Arc<Arrival> {
        self.fetcher.as_ref().unwrap().open(path, source)
    }

    pub(crate) fn start(&self, source: Source) -> Arc<Arrival> {
        self.fetcher.as_ref().unwrap().start(source)
    }

    /// Stops it; its folder, for another run.
    pub(crate) fn stop(mut self) -> tempfile::TempDir {
        self.fetcher = None;
        self.folder
    }

    pub(crate) fn left_over(&mut self) -> Vec<String> {
        self.fetcher = None;
        names(self.folder.path())
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap();
    paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Follows replacements, as the materializer does.
pub(crate) fn outcome(arrival: Arc<Arrival>) -> Result<Vec<u8>, Arc<FetchError>> {
    let mut arrival = arrival;
    loop {
        match (arrival.verified(), arrival.replacement()) {
            (Ok(()), _) => break,
            (Err(_), Some(next)) => arrival = next,
            (Err(fault), None) => return Err(fault),
        }
    }
    let mut content = vec![0; usize::try_from(arrival.len()).unwrap()];
    arrival.read_exact_at(&mut content, 0).unwrap();
    Ok(content)
}

#[test]
fn many_files_of_all_sizes_arrive() {
    for tail_first in [false, true] {
        let contents: Vec<_> = [0, 1, 70_000, MIB + 5, 3 * MIB, 5 * MIB + 3].map(bytes).into();
        let server = {
            let parts = contents.clone();
            Server::start(move |request| {
                Reply::ranged(&parts[request.target[1..].parse::<usize>().unwrap()], request)
            })
        };
        let mut run = Run::new(Options { tail_first, ..options() });
        let start = |i: usize| run.start(source(&[server.url(&format!("/{i}"))], &contents[i]));
        let arrivals: Vec<_> = (0..contents.len()).rev().map(start).collect();
        for (arrival, content) in arrivals.into_iter().rev().zip(&contents) {
            assert!(outcome(arrival).unwrap() == **content);
        }
        let total: usize = contents.iter().map(|content| content.len()).sum();
        assert_eq!(run.task.counters.fetched_bytes.load(Relaxed), total as u64);
        assert!(run.left_over().is_empty());
        assert!(server.connections.load(Relaxed) <= 4, "keep-alive");
    }
}

#[test]
fn files_hashed_side_by_side_get_their_own_verdicts() {
    let contents: Vec<_> = (0..10).map(|at| bytes(MIB + at * 70_001)).collect();
    let parts = contents.clone();
    let server = Server::start(move |request| {
        Reply::ranged(&parts[request.target[1..].parse::<usize>().unwrap()], request)
    });
    // Some in memory, some on disk.
    let sizes = Options { memory_file: (MIB + 300_000) as u64, memory: 64 << 20, ..options() };
    let run = Run::new(Options { side_by_side: true, ..sizes });
    let of = |at: usize| source(&[server.url(&format!("/{at}"))], &contents[at]);
    let wrong = [3, 8];
    let arrivals = (0..contents.len()).map(|at| {
        let sha256 = if wrong.contains(&at) { Sha256::of(b"another") } else { of(at).sha256 };
        run.start(Source { sha256, ..of(at) })
    });
    for (at, arrival) in arrivals.collect::<Vec<_>>().into_iter().enumerate() {
        match outcome(arrival) {
            Ok(content) => assert!(content == *contents[at] && !wrong.contains(&at), "{at}"),
            Err(fault) => {
                assert!(matches!(*fault, FetchError::Digest { .. }) && wrong.contains(&at), "{at}: {fault}");
            }
        }
    }
}

#[test]
fn a_large_file_uses_several_connections() {
    let content = bytes(4 * MIB);
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request).rate(4e6));
    let run = Run::new(options());
    assert!(outcome(run.start(source(&[server.url("/f")], &content))).unwrap() == *content);
    assert!(server.connections.load(Relaxed) > 1);
    assert_eq!(server.count(), 8, "pieces of 512 KiB");
}

#[test]
fn small_files_do_not_wait_for_a_large_one() {
    let (large, small) = (bytes(6 * MIB), bytes(1000));
    let both = [large.clone(), small.clone()];
    let server = Server::start(move |request| {
        let is_large = request.target == "/large";
        Reply::ranged(&both[usize::from(!is_large)], request).rate(if is_large { 1e6 } else { 1e9 })
    });
    let run = Run::new(options());
    let first = run.start(source(&[server.url("/large")], &large));
    let second = run.start(source(&[server.url("/small")], &small));
    assert!(outcome(second).unwrap() == *small);
    assert!(first.verdict().is_none());
}

#[test]
fn reads_wait_for_their_bytes_and_listeners_hear_of_them() {
    let content = bytes(MIB);
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request).rate(4e6));
    let run = Run::new(options());
    let arrival = run.start(source(&[server.url("/f")], &content));
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    arrival.subscribe(Box::new(move |_| {
        count.fetch_add(1, Relaxed);
    }));
    let mut middle = vec![0; 1000];
    arrival.read_exact_at(&mut middle, 300_000).unwrap();
    assert!(middle == content[300_000..301_000]);
    assert!(arrival.has(&(300_000..301_000)));
    let past = arrival.read_exact_at(&mut middle, MIB as u64 - 10).unwrap_err();
    assert_eq!(past.kind(), std::io::ErrorKind::UnexpectedEof);
    arrival.verified().unwrap();
    assert!((4..=8).contains(&heard.load(Relaxed)), "{heard:?}");
}

#[test]
fn the_tail_comes_first() {
    let content = bytes(9 * MIB / 2);
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request).rate(9e6));
    let run = Run::new(Options { tail_first: true, memory_file: 8 << 20, ..options() });
    let arrival = run.start(source(&[server.url("/f")], &content));
    let end = content.len() as u64;
    arrival.wait(&(end - (128 << 10)..end)).unwrap();
    assert!(!arrival.has(&(0..end)));
    arrival.verified().unwrap();
    assert_eq!(server.count(), 2);
}

#[test]
fn memory_is_bounded_and_nobody_waits_for_ever() {
    let content = bytes(MIB);
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request));
    let run = Run::new(Options { memory: 2 << 20, ..options() });
    let arrivals: Vec<_> = (0..12).map(|_| run.start(source(&[server.url("/f")], &content))).collect();
    // All are held while the last one is waited for: it goes to disk.
    for arrival in arrivals.iter().rev() {
        arrival.verified().unwrap();
    }
}

#[test]
fn an_arrival_that_nobody_holds_is_not_fetched_to_its_end() {
    let content = bytes(MIB);
    let server = Server::of(&content, move |request, content| {
        Reply::whole(content).rate(if request.target == "/dropped" { 1e5 } else { 1e9 })
    });
    let mut run = Run::new(Options { connections: 1, ..options() });
    drop(run.start(source(&[server.url("/dropped")], &content)));
    assert!(outcome(run.start(source(&[server.url("/kept")], &content))).unwrap() == *content);
    assert!(run.left_over().is_empty());
}

#[test]
fn local_files_are_arrivals_too() {
    let folder = tempfile::tempdir().unwrap();
    let (path, content) = (folder.path().join("demo.whl"), bytes(3 * MIB));
    fs::write_new(&path, &content, 0o600).unwrap();
    let run = Run::new(options());
    assert!(outcome(run.open(&path, source(&[], &content))).unwrap() == *content);
    let other = Source { sha256: Sha256::of(b"x"), ..source(&[], &content) };
    let longer = Source { size: Some(1), ..source(&[], &content) };
    for (source, path, text) in [
        (other, path.clone(), "has sha256"),
        (longer, path.clone(), "is 3145728 bytes long, 1 were expected"),
        (source(&[], &content), folder.path().join("none.whl"), "cannot open"),
    ] {
        let fault = outcome(run.open(&path, source)).unwrap_err();
        assert!(fault.to_string().contains(text), "{fault}");
        assert!(fault.to_string().contains(path.to_str().unwrap()), "{fault}");
    }
    assert!(path.exists());
}

#[test]
fn a_cancelled_run_stops_at_once() {
    let content = bytes(4 * MIB);
    let server = Server::of(&content, move |request, content| {
        Reply::ranged(content, request).stop(400 << 10, Ending::Stall)
    });
    let run = Run::new(Options { stall_timeout: Duration::from_secs(60), ..options() });
    let arrival = run.start(source(&[server.url("/f")], &content));
    let waiting = run.start(source(&[server.url("/g")], &content));
    arrival.wait(&(0..256 << 10)).unwrap();
    let began = Instant::now();
    run.task.cancel();
    assert!(arrival.verified().unwrap_err().is_cancelled());
    assert!(waiting.verified().unwrap_err().is_cancelled());
    let folder = run.stop();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(names(folder.path()).iter().all(|name| name.contains(".part")));
}

#[test]
fn what_has_come_is_taken_though_much_more_is_expected() {
    let content = bytes(8 * MIB);
    let server = Server::of(&content, move |request, content| {
        Reply::ranged(content, request).stop((256 << 10) + 1000, Ending::Stall)
    });
    let run = Run::new(Options { stall_timeout: Duration::from_secs(60), piece: 8 << 20, ..options() });
    let arrival = run.start(source(&[server.url("/f")], &content));
    let began = Instant::now();
    arrival.wait(&(0..256 << 10)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "only when the server was given up");
    run.task.cancel();
}

#[test]
fn a_cancelled_run_does_not_wait_for_a_connection() {
    let run = Run::new(Options { connect_timeout: Duration::from_secs(60), ..options() });
    // An address for documentation (RFC 5737): no answer, or an error at once where there is no route.
    let arrival = run.start(source(&["http://192.0.2.1/f".to_owned()], b"x"));
    std::thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    run.task.cancel();
    let _ = arrival.verified().unwrap_err();
    drop(run);
    assert!(began.elapsed() < Duration::from_secs(1));
}

/// Fetches a part of a file, as a run that is killed does.
fn interrupted(content: &Arc<Vec<u8>>) -> tempfile::TempDir {
    let server = Server::of(content, move |request, content| {
        Reply::ranged(content, request).stop(400 << 10, Ending::Stall)
    });
    let run = Run::new(Options { stall_timeout: Duration::from_secs(60), ..options() });
    let arrival = run.start(source(&[server.url("/f")], content));
    arrival.wait(&(0..256 << 10)).unwrap();
    arrival.wait(&(1 << 20..(1 << 20) + (256 << 10))).unwrap();
    run.stop()
}

#[test]
fn a_later_run_goes_on_with_the_part_file() {
    let content = bytes(4 * MIB);
    let folder = interrupted(&content);
    assert_eq!(names(folder.path()), [format!("{}.part", Sha256::of(&content))]);
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request));
    let mut run = Run::within(folder, options());
    assert!(outcome(run.start(source(&[server.url("/f")], &content))).unwrap() == *content);
    let fetched = run.task.counters.fetched_bytes.load(Relaxed);
    assert!(fetched <= 4 * MIB as u64 - (512 << 10), "{fetched}");
    assert!(run.left_over().is_empty());
}

#[test]
fn a_part_file_that_is_wrong_is_thrown_away() {
    let content = bytes(4 * MIB);
    let part = format!("{}.part", Sha256::of(&content));
    let spoilers: [fn(&mut Vec<u8>); 4] =
        [|b| b[1000] ^= 1, |b| b.truncate(b.len() - 1), Vec::clear, |b| b.fill(1)];
    for spoil in spoilers {
        let folder = interrupted(&content);
        let mut bytes = fs::read(&folder.path().join(&part)).unwrap();
        spoil(&mut bytes);
        fs::write_atomic(&folder.path().join(&part), &bytes, 0o600).unwrap();
        let server = Server::of(&content, move |request, content| Reply::ranged(content, request));
        let mut run = Run::within(folder, options());
        assert!(outcome(run.start(source(&[server.url("/f")], &content))).unwrap() == *content);
        assert!(run.left_over().is_empty());
    }
}

#[test]
fn a_part_file_of_another_process_is_left_alone() {
    let content = bytes(4 * MIB);
    let folder = interrupted(&content);
    let path = folder.path().join(format!("{}.part", Sha256::of(&content)));
    let before = fs::read(&path).unwrap();
    let theirs = fs::open(&path).unwrap();
    theirs.lock().unwrap();
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request));
    let run = Run::within(folder, options());
    assert!(outcome(run.start(source(&[server.url("/f")], &content))).unwrap() == *content);
    let folder = run.stop();
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(names(folder.path()).len(), 1);
}
