//! `fastenv-node`: the core as a program of its own, for nodes without Python.
//!
//! Standard output has the answer and nothing else; all that is said meanwhile goes to standard error.

mod arguments;
mod detach;
mod probe;
mod progress;
mod size;
mod store;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use clap::Parser as _;
use clap::error::ErrorKind;
use fastenv::bytecode::child;
use fastenv::error::{Error, Result};
use fastenv::exec::{self, Ready};
use fastenv::lock::Lock;
use fastenv::materialize::{self, materialize};
use fastenv::store::Store;
use fastenv::store::root::Root;
use fastenv::task::Task;
use fastenv::verify::{Finding, verify};

use arguments::{Arguments, ByteCode, Exec, Materialize, Verb, Verify};
use progress::Style;

/// Of `exec`, for a failure of its own.
const EXEC_FAILED: u8 = 125;

fn main() -> ExitCode {
    let verb = match Arguments::try_parse() {
        Ok(arguments) => arguments.verb,
        Err(fault) => {
            let _ = fault.print();
            let is_help = matches!(fault.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if is_help { 0 } else { 2 });
        }
    };
    let is_exec = matches!(verb, Verb::Exec(_));
    match run(verb) {
        Ok(status) => ExitCode::from(status),
        Err(fault) => {
            if is_exec {
                complain_briefly(&fault);
                return ExitCode::from(EXEC_FAILED);
            }
            complain(&fault);
            ExitCode::from(fault.kind() as u8)
        }
    }
}

fn run(verb: Verb) -> Result<u8> {
    match verb {
        Verb::Materialize(arguments) => run_materialize(&arguments),
        Verb::Exec(arguments) => run_exec(&arguments),
        Verb::Verify(arguments) => run_verify(&arguments),
        Verb::ByteCode(arguments) => run_byte_code(&arguments),
        Verb::Probe(arguments) => Ok(probe::run(&arguments)),
        Verb::CudaDriver => Ok(probe::run_cuda_driver()),
        Verb::Store(verb) => store::run(&verb),
        Verb::EnvId { lock } => {
            say(&Lock::read(&lock)?.env_id.to_string());
            Ok(0)
        }
    }
}

fn run_materialize(arguments: &Materialize) -> Result<u8> {
    let style = Style::of(arguments.json);
    let options = arguments.lift();
    let report = with_progress(style, |task| {
        let lock = Lock::read(&arguments.lock)?;
        materialize(&lock, &options, task)
    })?;
    let prefix = report.prefix.display().to_string();
    if arguments.json {
        let done = serde_json::json!({
            "event": "done", "prefix": prefix, "env_id": report.env_id.to_string(),
            "packages": report.packages, "fetched_bytes": report.fetched_bytes, "reused": report.reused,
        });
        say(&done.to_string());
    } else {
        say(&prefix);
    }
    Ok(0)
}

fn run_exec(arguments: &Exec) -> Result<u8> {
    let options = arguments.options.lift(None);
    // No progress: a launcher may read any line as a failure.
    let ready: Ready = with_progress(Style::Silent, |task| exec::prepare(&arguments.env, &options, task))?;
    if let Some(warning) = &ready.warning {
        say_aside(&format!("fastenv: {warning}"));
    }
    let (status, fault) = exec::exec(ready, &arguments.command, arguments.keep_pythonpath);
    say_aside(&format!("fastenv: {fault}"));
    Ok(status)
}

fn run_verify(arguments: &Verify) -> Result<u8> {
    let look =
        |task: &Task| materialize::pool(None)?.install(|| verify(&arguments.prefix, arguments.full, task));
    let findings: Vec<Finding> = with_progress(Style::Silent, look)?;
    for finding in &findings {
        if arguments.json {
            let row = serde_json::json!({
                "event": "finding", "kind": finding.fault.word(), "path": finding.path, "package": finding.package,
            });
            say(&row.to_string());
        } else {
            say(&finding.to_string());
        }
    }
    if arguments.json {
        say(&serde_json::json!({"event": "done", "findings": findings.len()}).to_string());
    } else if findings.is_empty() {
        say_aside(&format!("{}: as it was published", Path::new(&arguments.prefix).display()));
    }
    Ok(u8::from(!findings.is_empty()))
}

fn run_byte_code(arguments: &ByteCode) -> Result<u8> {
    if arguments.detach {
        return Ok(detach::detach(&arguments.root));
    }
    detach::become_a_daemon();
    let store = Store::open(&Root::choose(Some(&arguments.root))?)?;
    with_progress(Style::Silent, |task| child::serve(&store, task))?;
    Ok(0)
}

/// Runs the work and shows how far it is on a thread beside it; Ctrl-C and SIGTERM cancel it, a second one kills.
fn with_progress<T>(style: Style, work: impl FnOnce(&Task) -> Result<T>) -> Result<T> {
    let (sender, receiver) = channel();
    let task = Task::new(Some(sender));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // If they can't be registered, the signals kill as they always do.
        let flag = task.cancel_flag();
        let _ = signal_hook::flag::register_conditional_default(signal, flag.clone());
        let _ = signal_hook::flag::register(signal, flag);
    }
    let counters = task.counters.clone();
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        let is_over = || over.load(Ordering::Acquire);
        scope.spawn(move || progress::show(style, &receiver, &counters, &is_over));
        // The task goes with the work, even if it panics: when its last sender is gone, the showing ends.
        let task = task;
        let result = work(&task);
        over.store(true, Ordering::Release);
        result
    })
}

fn say(line: &str) {
    // A reader that went away is no failure of ours.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn say_aside(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// On one line: launchers take each line for a message of its own.
fn complain_briefly(fault: &Error) {
    let hint = fault.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
    let lines: Vec<String> = format!("{fault}{hint}").lines().map(|line| line.trim().to_owned()).collect();
    say_aside(&format!("fastenv: {}", lines.join("; ").replace(":; ", ": ")));
}

fn complain(fault: &Error) {
    say_aside(&format!("error: {fault}"));
    if let Some(hint) = fault.hint() {
        say_aside(&format!("hint: {hint}"));
    }
}
