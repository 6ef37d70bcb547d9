//! What reads bytes that others made, given bytes that nobody would make.
//!
//! Each test begins with valid inputs, changes them by a seed that it prints, and keeps what gave a new answer, so that
//! changes add up. It runs for `$FASTENV_FUZZ_SECONDS` (2), from `$FASTENV_FUZZ_SEED` (the time). A panic, a case of
//! more than 20 seconds, more than 2 GB of memory, or a broken promise is a failure; the input is then in `target/fuzz/`
//! and becomes a test of its own.

#![allow(clippy::print_stderr)] // a seed that nobody sees repeats nothing

mod archive;
mod bzip2;
mod change;
mod conda;
mod deflate;
mod elf;
mod index;
mod lock;
mod record;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastenv::digest::Sha256;

use change::Random;

const HANG: Duration = Duration::from_secs(20);
const MOST_MEMORY: u64 = 2 << 20; // KiB
/// Different answers, of each of which an input is kept.
const KEPT: usize = 2000;

/// Tries changed inputs until the time is over. `run` gives the answer in a few words; it panics if something is wrong.
fn fuzz(
    name: &str,
    first: Vec<Vec<u8>>,
    change: impl Fn(&mut Random, &[Vec<u8>]) -> Vec<u8>,
    run: impl Fn(&[u8]) -> String,
) {
    let seed = number("FASTENV_FUZZ_SEED").unwrap_or_else(now);
    let until = Instant::now() + Duration::from_secs(number("FASTENV_FUZZ_SECONDS").unwrap_or(2));
    eprintln!("fuzz {name}: FASTENV_FUZZ_SEED={seed}");
    let watch = Watch::begin(name);
    let (mut random, mut inputs, mut answers) = (Random(seed), first, HashSet::new());
    for input in &inputs {
        answers.insert(shape(&watch.run(input, &run)));
    }
    let mut count = 0_u64;
    while Instant::now() < until {
        let input = change(&mut random, &inputs);
        let answer = shape(&watch.run(&input, &run));
        count += 1;
        if answers.len() < KEPT && answers.insert(answer) {
            inputs.push(input);
        }
        if count.is_multiple_of(256) {
            assert!(
                peak() < MOST_MEMORY,
                "{name}: {} KiB of memory after {count} cases of seed {seed}",
                peak()
            );
        }
    }
    eprintln!("fuzz {name}: {count} cases, {} different answers", answers.len());
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |time| time.as_secs() * 1000 + u64::from(time.subsec_millis()))
}

/// An answer without what differs between two of a kind: the end of its last line, without numbers and what is quoted.
fn shape(answer: &str) -> String {
    let line = answer.lines().last().unwrap_or_default();
    let unquoted: String = line.split(['"', '`', '\'']).step_by(2).collect();
    let letters: Vec<char> = unquoted.chars().filter(char::is_ascii_alphabetic).collect();
    letters[letters.len().saturating_sub(60)..].iter().collect()
}

/// The most memory that this process had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let row = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    row.and_then(|row| row.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Sees to it that a case ends, and keeps its input if it does not end well.
struct Watch {
    name: String,
    current: Arc<Mutex<(Instant, Vec<u8>)>>,
    _over: mpsc::Sender<()>,
}

impl Watch {
    fn begin(name: &str) -> Self {
        let current = Arc::new(Mutex::new((Instant::now(), Vec::new())));
        let (over, ended) = mpsc::channel();
        let (watched, told) = (current.clone(), name.to_owned());
        thread::spawn(move || {
            while ended.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                let (begun, input) = watched.lock().unwrap().clone();
                if begun.elapsed() > HANG {
                    eprintln!("fuzz {told}: does not end: {}", keep(&told, &input).display());
                    std::process::abort();
                }
            }
        });
        Self { name: name.to_owned(), current, _over: over }
    }

    fn run(&self, input: &[u8], run: &impl Fn(&[u8]) -> String) -> String {
        *self.current.lock().unwrap() = (Instant::now(), input.to_vec());
        catch_unwind(AssertUnwindSafe(|| run(input))).unwrap_or_else(|panic| {
            eprintln!("fuzz {}: the input is {}", self.name, keep(&self.name, input).display());
            resume_unwind(panic)
        })
    }
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    let _ = std::fs::create_dir_all(&folder);
    let path = folder.join(format!("{name}-{}", &Sha256::of(input).to_string()[..16]));
    let _ = std::fs::write(&path, input);
    path
}
