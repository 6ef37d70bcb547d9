//! The page: what was noted, as JSON inside a document that needs nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::memory::Sample;
use super::path::{self, Step};
use super::record::{Deed, Recorder, Row};
use crate::lock::Unit;

const DOCUMENT: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// More bars than this are too many for a browser: those that lie close together become one.
const MOST_BARS: usize = 20_000;
/// At first, deeds with a pause between them of the run's time divided by this become one bar.
const FINEST: u32 = 8_000;

/// All that is shown.
pub(super) struct Page<'a> {
    pub(super) packages: &'a [Unit<'a>],
    /// Version of the interpreter.
    pub(super) python: &'a str,
    pub(super) recorder: &'a Recorder,
    pub(super) samples: &'a [Sample],
    /// How the run ended, in a few words.
    pub(super) ended: String,
}

/// Times are in microseconds from the beginning of the recording.
#[derive(Serialize)]
struct Content<'a> {
    fastenv: &'static str,
    python: &'a str,
    ended: &'a str,
    total: u64,
    fetched: u64,
    threads: usize,
    stages: Vec<(&'static str, u64, u64)>,
    lanes: Vec<Lane<'a>>,
    /// Deed, package (-1: none), from, to, and the stage's name.
    path: Vec<(Sort, i64, u64, u64, &'static str)>,
    /// When, resident, anonymous (KiB), and bytes fetched.
    samples: Vec<(u64, u64, u64, u64)>,
}

#[derive(Serialize)]
struct Lane<'a> {
    name: &'a str,
    version: &'a str,
    size: Option<u64>,
    bars: Vec<Bar>,
}

/// Deeds of one sort that lie close together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Bar {
    #[serde(rename = "s")]
    sort: Sort,
    #[serde(rename = "f")]
    from: u64,
    #[serde(rename = "t")]
    to: u64,
    /// How many there are.
    #[serde(rename = "n")]
    count: u32,
    /// Their times added up.
    #[serde(rename = "b")]
    busy: u64,
    #[serde(rename = "a")]
    amount: u64,
}

/// The page's word for a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Fetch,
    Check,
    Unpack,
    Link,
    Wait,
    Run,
}

impl Sort {
    fn of(deed: Deed) -> Self {
        match deed {
            Deed::Fetch => Self::Fetch,
            Deed::Check => Self::Check,
            Deed::Unpack | Deed::UnpackAhead => Self::Unpack,
            Deed::Link => Self::Link,
            Deed::Wait => Self::Wait,
            Deed::Frame(_) | Deed::Stage(_) => Self::Run,
        }
    }
}

impl<'a> Page<'a> {
    /// The whole document.
    pub(super) fn html(&self) -> String {
        let rows = self.recorder.rows();
        let json = serde_json::to_string(&self.content(&rows)).unwrap_or_else(|_| "null".to_owned());
        // In this order, so that no marker is looked for in what a lock says.
        let (head, rest) = DOCUMENT.split_once("/*STYLE*/").unwrap_or((DOCUMENT, ""));
        let (body, rest) = rest.split_once("/*CONTENT*/").unwrap_or((rest, ""));
        let (middle, tail) = rest.split_once("/*SCRIPT*/").unwrap_or((rest, ""));
        [head, STYLE, body, &inert(&json), middle, SCRIPT, tail].concat()
    }

    fn content(&'a self, rows: &[Row]) -> Content<'a> {
        let total = self.recorder.now();
        Content {
            fastenv: env!("CARGO_PKG_VERSION"),
            python: self.python,
            ended: &self.ended,
            total: micros(total),
            fetched: self.samples.last().map_or(0, |sample| sample.fetched),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            stages: stages(rows),
            lanes: self.lanes(rows, total),
            path: path::critical(rows).iter().map(on_path).collect(),
            samples: self.samples.iter().map(point).collect(),
        }
    }

    fn lanes(&self, rows: &[Row], total: Duration) -> Vec<Lane<'a>> {
        let mut pause = total / FINEST;
        let mut bars = bars(rows, pause);
        while bars.values().map(Vec::len).sum::<usize>() > MOST_BARS && pause < total {
            pause = pause * 2 + Duration::from_micros(1);
            bars = self::bars(rows, pause);
        }
        let packages = (0_u32..).zip(self.packages);
        let lane = |(at, package): (u32, &'a Unit<'a>)| Lane {
            name: package.name,
            version: package.version,
            size: package.size,
            bars: bars.remove(&at).unwrap_or_default(),
        };
        packages.map(lane).collect()
    }
}

fn stages(rows: &[Row]) -> Vec<(&'static str, u64, u64)> {
    let named = |row: &Row| match row.deed {
        // Frames first: the stages within them are drawn over them.
        Deed::Frame(name) => Some((0, name, micros(row.from), micros(row.to))),
        Deed::Stage(name) => Some((1, name, micros(row.from), micros(row.to))),
        _ => None,
    };
    let mut stages: Vec<_> = rows.iter().filter_map(named).collect();
    stages.sort_by_key(|stage| stage.0);
    stages.into_iter().map(|(_, name, from, to)| (name, from, to)).collect()
}

/// The bars of each package, by their beginning. `rows` are by theirs.
fn bars(rows: &[Row], pause: Duration) -> BTreeMap<u32, Vec<Bar>> {
    let mut bars: BTreeMap<u32, Vec<Bar>> = BTreeMap::new();
    let pause = micros(pause);
    for row in rows {
        let Some(package) = row.package else { continue };
        let lane = bars.entry(package).or_default();
        let sort = Sort::of(row.deed);
        let (from, to) = (micros(row.from), micros(row.to));
        match lane.iter_mut().rev().find(|bar| bar.sort == sort) {
            Some(bar) if from <= bar.to + pause => {
                bar.to = bar.to.max(to);
                bar.count += 1;
                bar.busy += to - from;
                bar.amount += row.amount;
            }
            _ => lane.push(Bar { sort, from, to, count: 1, busy: to - from, amount: row.amount }),
        }
    }
    bars
}

fn on_path(step: &Step) -> (Sort, i64, u64, u64, &'static str) {
    let name = if let Deed::Stage(name) = step.deed { name } else { "" };
    let package = step.package.map_or(-1, i64::from);
    (Sort::of(step.deed), package, micros(step.from), micros(step.to), name)
}

fn point(sample: &Sample) -> (u64, u64, u64, u64) {
    (micros(sample.at), sample.resident, sample.anonymous, sample.fetched)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// JSON that a script element can hold, whatever is in its strings.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::lock::Owner;
    use crate::timeline::Span;
    use serde_json::Value;
    use std::path::Path;
    use std::thread;

    fn package<'a>(name: &'a str, version: &'a str) -> Unit<'a> {
        let (file_name, path) = ("secret-file.whl", Some(Path::new("secret")));
        let (owner, sha256) = (Owner::Wheel(0), Sha256::of(b""));
        Unit { owner, name, version, file_name, urls: &[], path, named: None, size: Some(7), sha256 }
    }

    fn recorder(packages: &[Unit<'_>]) -> Recorder {
        Recorder::new(packages.iter().map(|package| package.name.to_owned()).collect())
    }

    fn page(packages: &[Unit<'_>], recorder: &Recorder, ended: &str) -> String {
        Page { packages, python: "3.11.7", recorder, samples: &[], ended: ended.to_owned() }.html()
    }

    /// What the script will read.
    fn content(page: &str) -> Value {
        let (_, rest) =
            page.split_once("<script type=\"application/json\" id=\"content\">").expect("a beginning");
        let (json, _) = rest.split_once("</script>").expect("an end");
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn what_a_lock_says_is_text_and_nothing_else() {
        let hostile = "</script><script>alert('&lt;')</script><!-- /*SCRIPT*/ /*STYLE*/";
        let packages = [package("foo", hostile), package(hostile, "1")];
        let page = page(&packages, &recorder(&packages), hostile);
        assert_eq!(page.matches("</script").count(), 2);
        assert!(page.contains("\\u003c/script\\u003e\\u003cscript\\u003ealert"));
        let content = content(&page);
        assert_eq!(content["lanes"][0]["version"], hostile);
        assert_eq!(content["lanes"][1]["name"], hostile);
        assert_eq!(content["ended"], hostile);
    }

    #[test]
    fn nothing_is_told_of_where_packages_come_from_and_nothing_is_loaded() {
        let packages = [package("foo", "1.0")];
        let page = page(&packages, &recorder(&packages), "done");
        assert!(!page.contains("secret") && !page.contains("://"));
        assert!(!page.contains(" src=") && !page.contains("url(") && !page.contains("@import"));
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn every_package_has_a_lane_with_its_bars() {
        let packages = [package("foo", "1.0"), package("bar", "2.0")];
        let recorder = recorder(&packages);
        let mut span = Span::new(Some(&recorder), Deed::Fetch, "bar");
        span.amount(7);
        drop(span);
        drop(Span::new(Some(&recorder), Deed::Stage("publish"), ""));
        let content = content(&page(&packages, &recorder, "done"));
        assert_eq!(content["lanes"][0]["bars"], Value::Array(Vec::new()));
        let bar = &content["lanes"][1]["bars"][0];
        assert_eq!((&bar["s"], &bar["n"], &bar["a"]), (&"fetch".into(), &1.into(), &7.into()));
        assert_eq!(content["stages"][0][0], "publish");
    }

    #[test]
    fn deeds_close_together_are_one_bar() {
        let row = |deed, from, to| {
            let [from, to] = [from, to].map(Duration::from_micros);
            Row { deed, package: Some(3), from, to, amount: 2, thread: thread::current().id() }
        };
        let rows = [
            row(Deed::Unpack, 0, 10),
            row(Deed::Fetch, 5, 6),
            row(Deed::UnpackAhead, 8, 9),
            row(Deed::Unpack, 12, 20),
            row(Deed::Unpack, 90, 95),
        ];
        let bar =
            |sort, from, to, count, busy| Bar { sort, from, to, count, busy, amount: 2 * u64::from(count) };
        let expected =
            [bar(Sort::Unpack, 0, 20, 3, 19), bar(Sort::Fetch, 5, 6, 1, 1), bar(Sort::Unpack, 90, 95, 1, 5)];
        assert_eq!(bars(&rows, Duration::from_micros(2))[&3], expected);
    }
}
