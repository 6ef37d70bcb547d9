//! Large files that are read in order while they arrive, and never are as a whole anywhere.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use fastenv::digest::{Hasher, Sha256};
use fastenv::fetch::{Arrival, FetchError, Options};
use fastenv::unpack::ReadAt as _;

use crate::fetch::{MIB, Run, bytes, names, options, outcome, source};
use crate::http_server::{Ending, Reply, Server};

const WINDOW: usize = 2 * MIB;

/// A file of more than 2 MiB is large, and a window is that; the end comes first.
fn in_order() -> Options {
    Options { window: WINDOW as u64, tail_first: true, ..options() }
}

/// Reads all of it as an unpacker does; the digest of what it read.
fn read_on(arrival: &Arrival) -> Result<Sha256, Arc<FetchError>> {
    let mut hasher = Hasher::new();
    let (mut at, length) = (0, arrival.length()?);
    let mut piece = vec![0; 100_000];
    while at < length {
        let count = piece.len().min(usize::try_from(length - at).unwrap());
        arrival.wait(&(at..at + count as u64))?;
        arrival.read_exact_at(&mut piece[..count], at).unwrap();
        hasher.update(&piece[..count]);
        at += count as u64;
        arrival.pass(at);
    }
    Ok(hasher.finish())
}

fn bytes_of(run: &Run) -> u64 {
    run.task.counters.fetched_bytes.load(Relaxed)
}

#[test]
fn no_more_is_in_memory_than_was_not_read() {
    let content = bytes(20 * MIB);
    let server = Server::of(&content, |request, content| Reply::ranged(content, request));
    let mut run = Run::new(in_order());
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    let deadline = Instant::now() + Duration::from_secs(20);
    while arrival.run_from(0) < WINDOW as u64 / 2 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(200));
    // A lone file has a larger window; the end comes beside it.
    let most = 5 * WINDOW as u64;
    assert!(arrival.is_in_order() && bytes_of(&run) <= most, "{} bytes came unread", bytes_of(&run));
    assert_eq!(read_on(&arrival).unwrap(), Sha256::of(&content));
    arrival.verified().unwrap();
    assert_eq!(bytes_of(&run), content.len() as u64, "each byte once");
    let gone = arrival.read_exact_at(&mut [0; 10], 0).unwrap_err();
    assert!(gone.to_string().contains("not kept"), "{gone}");
    drop(arrival);
    assert_eq!(run.left_over(), [""; 0]);
}

#[test]
fn many_share_the_memory_and_none_waits_for_ever() {
    let contents: Vec<_> = (0..11).map(|at| bytes(5 * MIB + 300_000 * at)).collect();
    let ours = contents.clone();
    let server = Server::start(move |request| {
        let at: usize = request.target[1..].parse().unwrap();
        Reply::ranged(&ours[at], request)
    });
    let mut run = Run::new(in_order());
    let arrivals: Vec<_> = contents
        .iter()
        .enumerate()
        .map(|(at, content)| {
            let wanted = source(&[server.url(&format!("/{at}"))], content);
            run.fetcher.as_ref().unwrap().start_in_order(wanted)
        })
        .collect();
    thread::scope(|threads| {
        for (arrival, content) in arrivals.into_iter().zip(&contents) {
            threads.spawn(move || {
                assert_eq!(read_on(&arrival).unwrap(), Sha256::of(content));
                arrival.verified().unwrap();
            });
        }
    });
    assert_eq!(run.left_over(), [""; 0]);
}

#[test]
fn what_a_broken_connection_left_out_comes_again() {
    let content = bytes(9 * MIB);
    let answers = AtomicUsize::new(0);
    let server = Server::of(&content, move |request, content| {
        let reply = Reply::ranged(content, request);
        match answers.fetch_add(1, Relaxed) % 3 {
            1 => reply.stop(150_000, Ending::Reset),
            _ => reply,
        }
    });
    let run = Run::new(in_order());
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    assert_eq!(read_on(&arrival).unwrap(), Sha256::of(&content));
    arrival.verified().unwrap();
    assert_eq!(bytes_of(&run), content.len() as u64);
}

#[test]
fn a_server_that_gives_no_parts_is_asked_for_the_whole() {
    let content = bytes(9 * MIB);
    let server = Server::of(&content, |_, content| Reply::whole(content));
    let mut run = Run::new(in_order());
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    assert!(read_on(&arrival).is_err());
    let next = arrival.replacement().unwrap();
    assert!(!next.is_in_order());
    assert_eq!(outcome(next).unwrap(), **content);
    drop(arrival);
    assert_eq!(server.requests.lock().unwrap().len(), 2);
    assert_eq!(run.left_over(), [""; 0]);
}

#[test]
fn wrong_bytes_are_fetched_once_more_and_then_told() {
    let content = bytes(9 * MIB);
    let mut other = content.to_vec();
    other[4 * MIB] ^= 1;
    let other = Arc::new(other);
    let server = Server::of(&other, |request, content| Reply::ranged(content, request));
    let run = Run::new(in_order());
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    let read = thread::spawn({
        let arrival = Arc::clone(&arrival);
        move || read_on(&arrival)
    });
    let fault = outcome(arrival).unwrap_err();
    let _ = read.join().unwrap();
    assert!(matches!(fault.last(), FetchError::Digest { .. }), "{fault}");
}

#[test]
fn the_end_comes_when_it_is_wanted_also_at_the_second_try() {
    let content = bytes(12 * MIB);
    let failures = AtomicUsize::new(0);
    let server = Server::of(&content, move |request, content| {
        let reply = Reply::ranged(content, request);
        let is_end = reply.part.start > 9 * MIB && reply.part.end < content.len();
        let fails = is_end && failures.fetch_add(1, Relaxed) < 3;
        if fails { reply.stop(1000, Ending::Close) } else { reply }
    });
    let run = Run::new(in_order());
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    let end = (10 * MIB) as u64..content.len() as u64;
    arrival.want_end(end.end - end.start);
    arrival.wait(&end).unwrap();
    let mut piece = vec![0; 2 * MIB];
    arrival.read_exact_at(&mut piece, end.start).unwrap();
    assert_eq!(piece, content[10 * MIB..]);
    assert_eq!(read_on(&arrival).unwrap(), Sha256::of(&content));
    arrival.verified().unwrap();
}

#[test]
fn a_slow_download_is_kept_for_a_later_run() {
    let content = bytes(12 * MIB);
    let server = Server::of(&content, |request, content| Reply::ranged(content, request).rate(3e6));
    let mut run = Run::new(Options { worth_keeping: Duration::from_millis(500), ..in_order() });
    let wanted = source(&[server.url("/f")], &content);
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(wanted.clone());
    let read = thread::spawn({
        let arrival = Arc::clone(&arrival);
        move || read_on(&arrival)
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while bytes_of(&run) < 8 * MIB as u64 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    run.fetcher = None;
    assert!(read.join().unwrap().is_err());
    drop(arrival);
    assert_eq!(names(run.folder.path()), [format!("{}.part", wanted.sha256)]);
    let before = bytes_of(&run);

    let fast = Server::of(&content, |request, content| Reply::ranged(content, request));
    let mut later = Run::within(run.stop(), in_order());
    let wanted = source(&[fast.url("/f")], &content);
    let arrival = later.fetcher.as_ref().unwrap().start_in_order(wanted);
    assert_eq!(outcome(arrival.clone()).unwrap(), **content);
    assert!(!arrival.is_in_order());
    assert!(bytes_of(&later) < content.len() as u64 - before / 2, "{} came again", bytes_of(&later));
    drop(arrival);
    assert_eq!(later.left_over(), [""; 0]);
}

#[test]
fn what_comes_faster_than_it_is_read_is_never_written() {
    let content = bytes(12 * MIB);
    let server = Server::of(&content, |request, content| Reply::ranged(content, request));
    let mut run = Run::new(Options { worth_keeping: Duration::from_millis(300), ..in_order() });
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    let mut piece = vec![0; MIB / 4];
    for at in (0..content.len()).step_by(piece.len()) {
        arrival.read_exact_at(&mut piece, at as u64).unwrap();
        arrival.pass((at + piece.len()) as u64);
        // Slower than the 300 ms that would be worth keeping, by far, in all.
        thread::sleep(Duration::from_millis(20));
        assert_eq!(names(run.folder.path()), [""; 0], "at {at}");
    }
    arrival.verified().unwrap();
    assert_eq!(run.left_over(), [""; 0]);
}

#[test]
fn a_fast_download_leaves_nothing_when_it_is_stopped() {
    let content = bytes(12 * MIB);
    let server = Server::of(&content, |request, content| Reply::ranged(content, request));
    let mut run = Run::new(in_order());
    let arrival = run.fetcher.as_ref().unwrap().start_in_order(source(&[server.url("/f")], &content));
    arrival.wait(&(0..MIB as u64)).unwrap();
    assert_eq!(run.left_over(), [""; 0]);
    assert!(matches!(arrival.verified().unwrap_err().last(), FetchError::Cancelled(_)));
}
