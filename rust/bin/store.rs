//! `fastenv-node store`: what is in the store, whether it is as it was, and less of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastenv::error::Result;
use fastenv::fs;
use fastenv::materialize;
use fastenv::store::Store;
use fastenv::store::check::Flaw;
use fastenv::store::gc::{self, Outcome, Removed};
use fastenv::store::info::Info;
use fastenv::store::residents::Resident;
use fastenv::store::root::Root;
use fastenv::store::verify::{self, Case, Cure};
use serde_json::{Value, json};

use crate::arguments::{Gc, OfStore, StoreVerb, StoreVerify};
use crate::progress::Style;
use crate::{say, say_aside, size, with_progress};

/// Of a digest, where a name says the rest.
const DIGITS: usize = 12;

/// Runs one of the store's verbs; its exit status.
pub(crate) fn run(verb: &StoreVerb) -> Result<u8> {
    match verb {
        StoreVerb::Info(arguments) => info(arguments),
        StoreVerb::Verify(arguments) => check(arguments),
        StoreVerb::Gc(arguments) => collect(arguments),
    }
}

/// The store, if there is one: none is made to find nothing in it.
fn existing(arguments: &OfStore) -> Result<Option<Store>> {
    let root = Root::choose(arguments.root.as_deref())?;
    let folder = Store::at(&root).folder("artifacts");
    if fs::exists(&folder) {
        return Ok(Some(Store::open(&root)?));
    }
    say_aside(&format!("there is no store at {}", root.writable.display()));
    Ok(None)
}

fn info(arguments: &OfStore) -> Result<u8> {
    let root = Root::choose(arguments.root.as_deref())?;
    let store = Store::at(&root);
    let info = with_progress(Style::Silent, |task| Info::of(&store, task))?;
    if !arguments.json {
        say(&table(&root, &info));
        return Ok(0);
    }
    for (resident, bytes) in &info.residents {
        say(&env_row(resident, *bytes).to_string());
    }
    let mut done = json!({"event": "done", "root": root.writable, "bytes": info.bytes});
    for (name, sum) in sums(&info) {
        done[name] = json!({"count": sum.count, "bytes": sum.bytes});
    }
    say(&done.to_string());
    Ok(0)
}

fn sums(info: &Info) -> [(&'static str, fastenv::store::info::Sum); 5] {
    [
        ("artifacts", info.artifacts),
        ("bytecode", info.byte_code),
        ("archives", info.archives),
        ("envs", info.envs),
        ("parts", info.parts),
    ]
}

fn env_row(resident: &Resident, bytes: u64) -> Value {
    let last_use = resident.last_use.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    json!({
        "event": "env", "env_id": resident.env_id.map(|id| id.to_string()), "prefix": resident.prefix,
        "last_use": last_use, "in_use": resident.in_use, "in_store": resident.own, "bytes": bytes,
    })
}

fn table(root: &Root, info: &Info) -> String {
    let mut lines = vec![root.writable.display().to_string()];
    for (name, sum) in sums(info) {
        lines.push(format!("{name:<10} {:>6} {:>10}", sum.count, size::show(sum.bytes)));
    }
    lines.push(format!("{:<10} {:>6} {:>10}", "all", "", size::show(info.bytes)));
    for (resident, bytes) in &info.residents {
        let id = resident.env_id.map_or_else(|| "?".repeat(12), |id| id.to_string()[..12].to_owned());
        let used = if resident.in_use { "in use".to_owned() } else { ago(resident.last_use) };
        let bytes = if resident.own { size::show(*bytes) } else { "elsewhere".to_owned() };
        lines.push(format!("env {id}  {used:<12} {bytes:>10}  {}", resident.prefix.display()));
    }
    lines.join("\n")
}

fn ago(time: SystemTime) -> String {
    match time.elapsed().map_or(0, |since| since.as_secs() / 86400) {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

fn check(arguments: &StoreVerify) -> Result<u8> {
    let pool = materialize::pool(None)?;
    let report = match existing(&arguments.of)? {
        Some(store) => {
            let style = Style::count(arguments.of.json);
            with_progress(style, |task| verify::verify(&store, !arguments.no_heal, &pool, task))?
        }
        None => verify::Report::default(),
    };
    for case in &report.cases {
        if arguments.of.json {
            for row in case_rows(case) {
                say(&row.to_string());
            }
        } else {
            say(&case_text(case));
        }
    }
    if arguments.of.json {
        let done = json!({"event": "done", "looked_at": report.looked_at, "wrong": report.cases.len()});
        say(&done.to_string());
    } else if report.cases.is_empty() {
        say_aside(&format!("all {} are as they were", report.looked_at));
    }
    Ok(u8::from(!report.cases.is_empty()))
}

fn case_rows(case: &Case) -> Vec<Value> {
    let (sort, name, package) = (case.sort.word(), &case.name, &case.package);
    let flaw = |flaw: &Flaw| {
        json!({
            "event": "finding", "of": sort, "name": name, "package": package,
            "path": flaw.path, "kind": flaw.fault.word(),
        })
    };
    let mut rows: Vec<Value> = case.flaws.iter().map(flaw).collect();
    let why = if let Cure::Dropped(why) = &case.cure { why } else { "" };
    let cure = case.cure.word();
    rows.push(json!({
        "event": "healed", "of": sort, "name": name, "package": package, "cure": cure, "why": why,
    }));
    rows
}

fn case_text(case: &Case) -> String {
    let package = if case.package.is_empty() { String::new() } else { format!(" ({})", case.package) };
    let why = match &case.cure {
        Cure::Dropped(why) => format!(": {}", why.lines().next().unwrap_or_default()),
        _ => String::new(),
    };
    let (sort, cure) = (case.sort.word(), case.cure.word());
    let mut lines = vec![format!("{sort} {}{package}: {cure}{why}", case.name)];
    lines.extend(case.flaws.iter().map(|flaw| format!("  {}: {}", flaw.fault.word(), flaw.path)));
    lines.join("\n")
}

fn collect(arguments: &Gc) -> Result<u8> {
    let limits = gc::Limits {
        keep: Duration::from_secs(u64::from(arguments.keep_days) * 86400),
        max_bytes: arguments.max_size,
        dry_run: arguments.dry_run,
    };
    let outcome = match existing(&arguments.of)? {
        Some(store) => with_progress(Style::count(arguments.of.json), |task| gc::gc(&store, limits, task))?,
        None => Outcome::default(),
    };
    if arguments.of.json {
        tell_program(&outcome);
    } else {
        tell_person(&outcome, limits);
    }
    Ok(0)
}

fn tell_program(outcome: &Outcome) {
    for removed in &outcome.removed {
        let row = json!({
            "event": "removed", "kind": removed.sort.word(), "name": removed.name, "package": removed.package,
            "bytes": removed.bytes,
        });
        say(&row.to_string());
    }
    for prefix in &outcome.in_use {
        say(&json!({"event": "kept", "kind": "env", "prefix": prefix, "why": "in use"}).to_string());
    }
    let done = json!({
        "event": "done", "removed": outcome.removed.len(), "busy": outcome.busy,
        "bytes_before": outcome.before, "bytes_after": outcome.after,
    });
    say(&done.to_string());
}

fn tell_person(outcome: &Outcome, limits: gc::Limits) {
    let verb = if limits.dry_run { "would remove" } else { "removed" };
    for removed in &outcome.removed {
        say(&removed_text(verb, removed));
    }
    for prefix in &outcome.in_use {
        say(&format!("kept {}: it is in use", prefix.display()));
    }
    if outcome.busy {
        say_aside("runs are at work: artifacts were left as they are");
    }
    say_aside(&summary(verb, outcome));
    if limits.max_bytes.is_some_and(|most| outcome.after > most) {
        say_aside("that is still more than --max-size: the rest is in use, or needed by what stays");
    }
}

/// A package is told by its name, and so much of its digest as tells it from others.
fn removed_text(verb: &str, removed: &Removed) -> String {
    let (sort, name, bytes) = (removed.sort.word(), &removed.name, size::show(removed.bytes));
    if removed.package.is_empty() {
        return format!("{verb} {sort} {name} ({bytes})");
    }
    let digits = name.get(..DIGITS).unwrap_or(name);
    format!("{verb} {sort} {digits} {} ({bytes})", removed.package)
}

/// `removed 1 env, 2 artifact: 3.0 GB before, 1.0 GB after`.
fn summary(verb: &str, outcome: &Outcome) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for removed in &outcome.removed {
        match counts.iter_mut().find(|(word, _)| *word == removed.sort.word()) {
            Some((_, count)) => *count += 1,
            None => counts.push((removed.sort.word(), 1)),
        }
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| plural(*count, word)).collect();
    let what = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    format!("{verb} {what}: {} before, {} after", size::show(outcome.before), size::show(outcome.after))
}

fn plural(count: usize, word: &str) -> String {
    // Byte code is not counted by a plural.
    let end = if count == 1 || word == "bytecode" { "" } else { "s" };
    format!("{count} {word}{end}")
}
