//! Fetching from real sockets, faults included.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fastenv::digest::Sha256;
use fastenv::event::Event;
use fastenv::fetch::{Arrival, Client, FetchError, Fetcher, Options, Source};
use fastenv::task::Task;
use fastenv::unpack::ReadAt as _;

use crate::http_server::{Reply, Server};

const MIB: usize = 1 << 20;

/// Bytes that differ everywhere, so that a range in the wrong place shows.
fn bytes(length: usize) -> Arc<Vec<u8>> {
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

fn source(urls: &[String], content: &[u8]) -> Source {
    Source {
        urls: urls.to_vec(),
        size: Some(content.len() as u64),
        sha256: Sha256::of(content),
        package: "demo".to_owned(),
        file_name: "demo-1.0-py3-none-any.whl".to_owned(),
    }
}

/// Quick to despair, and with a small idea of what is large.
fn options() -> Options {
    Options {
        connections: 4,
        stall_timeout: Duration::from_millis(300),
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_secs(2),
        memory_file: 2 << 20,
        memory: 8 << 20,
        piece: 512 << 10,
        ..Options::default()
    }
}

struct Run {
    folder: tempfile::TempDir,
    task: Task,
    events: Receiver<Event>,
    fetcher: Option<Fetcher>,
}

impl Run {
    fn new(options: Options) -> Self {
        let (sender, events) = channel();
        let (folder, task) = (tempfile::tempdir().unwrap(), Task::new(Some(sender)));
        let fetcher = Some(Fetcher::new(Client::new(options), folder.path(), &task));
        Self { folder, task, events, fetcher }
    }

    fn start(&self, source: Source) -> Arc<Arrival> {
        self.fetcher.as_ref().unwrap().start(source)
    }

    fn left_over(&mut self) -> Vec<String> {
        self.fetcher = None;
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Follows replacements, as the materializer does.
fn outcome(arrival: Arc<Arrival>) -> Result<Vec<u8>, Arc<FetchError>> {
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
        let served = contents.clone();
        let server = Server::start(move |request| {
            Reply::ranged(&served[request.target[1..].parse::<usize>().unwrap()], request)
        });
        let mut run = Run::new(Options { tail_first, ..options() });
        let start = |i: usize| run.start(source(&[server.url(&format!("/{i}"))], &contents[i]));
        let arrivals: Vec<_> = (0..contents.len()).rev().map(start).collect();
        for (arrival, content) in arrivals.into_iter().rev().zip(&contents) {
            assert!(outcome(arrival).unwrap() == **content);
        }
        let total: usize = contents.iter().map(|content| content.len()).sum();
        assert_eq!(run.task.counters.fetched_bytes.load(std::sync::atomic::Ordering::Relaxed), total as u64);
        assert!(run.left_over().is_empty());
        assert!(server.connections.load(std::sync::atomic::Ordering::Relaxed) <= 4, "keep-alive");
    }
}
