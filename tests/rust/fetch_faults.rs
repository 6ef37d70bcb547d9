//! What servers do wrong, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use fastenv::event::Event;
use fastenv::fetch::{Options, Source};

use crate::fetch::{MIB, Run, bytes, options, outcome, source};
use crate::http_server::{Ending, Framing, Reply, Request, Server};

const SMALL: usize = 600_000;
const LARGE: usize = 4 * MIB;

type Answer = fn(&Request, &Arc<Vec<u8>>) -> Reply;

enum Outcome {
    /// The right bytes.
    Whole,
    /// An error that says this.
    Fault(&'static str),
}
use Outcome::{Fault, Whole};

/// As long, and wrong everywhere.
fn other_bytes(content: &Arc<Vec<u8>>) -> Arc<Vec<u8>> {
    static MADE: Mutex<BTreeMap<usize, Arc<Vec<u8>>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let spoilt = || Arc::new(content.iter().map(|byte| byte ^ 1).collect());
    made.entry(content.len()).or_insert_with(spoilt).clone()
}

fn cut(content: &[u8], length: usize) -> Arc<Vec<u8>> {
    Arc::new(content[..length].to_vec())
}

/// `first` for the first `count` requests, then the right thing.
fn at_first(
    count: usize,
    request: &Request,
    content: &Arc<Vec<u8>>,
    first: impl Fn(Reply) -> Reply,
) -> Reply {
    let reply = Reply::ranged(content, request);
    if request.number < count { first(reply) } else { reply }
}

#[rustfmt::skip]
fn table() -> Vec<(&'static str, usize, Answer, Outcome)> {
    vec![
        ("all is well", LARGE, |r, c| Reply::ranged(c, r), Whole),
        ("no ranges, small", SMALL, |_, c| Reply::whole(c), Whole),
        ("no ranges, large", LARGE, |_, c| Reply::whole(c), Whole),
        ("no ranges, and the large body breaks off once", LARGE,
            |r, c| { let w = Reply::whole(c); if r.number == 0 { w.stop(MIB, Ending::Close) } else { w } }, Whole),
        ("no ranges, chunked", LARGE, |_, c| Reply::whole(c).framing(Framing::Chunked), Whole),
        ("no length, until closed", SMALL, |_, c| Reply::whole(c).framing(Framing::UntilClosed), Whole),
        ("no length, closed too early", SMALL,
            |r, c| at_first(1, r, c, |reply| reply.framing(Framing::UntilClosed).stop(1000, Ending::Close)), Whole),
        ("chunked, broken off", SMALL,
            |r, c| at_first(1, r, c, |reply| reply.framing(Framing::Chunked).stop(1000, Ending::Close)), Whole),
        ("416 to every range", LARGE,
            |r, c| if r.headers.contains_key("range") { Reply::status(416) } else { Reply::whole(c) }, Whole),
        ("a Content-Range that lies", LARGE,
            |r, c| if r.headers.contains_key("range") {
                Reply { status: 206, ..Reply::whole(c) }.header("Content-Range", "bytes 5-9/4194304")
            } else { Reply::whole(c) }, Whole),
        ("a part without a Content-Range", LARGE,
            |r, c| { let mut reply = Reply::ranged(c, r); reply.headers.clear(); reply }, Whole),
        ("a shorter part than it says", LARGE,
            |r, c| at_first(3, r, c, |mut reply| { reply.part.end -= if reply.status == 206 { 7 } else { 0 }; reply }), Whole),
        ("other bytes in every range, the right ones in the whole", LARGE,
            |r, c| if r.headers.contains_key("range") { Reply::ranged(&other_bytes(c), r) } else { Reply::whole(c) },
            Whole),
        ("other bytes in one range", LARGE,
            |r, c| Reply::ranged(&if r.number == 3 { other_bytes(c) } else { c.clone() }, r), Whole),
        ("the file is replaced while it is fetched", LARGE,
            |r, c| {
                let asked = r.headers.get("if-range").map(String::as_str);
                match r.number {
                    0 => Reply::ranged(&other_bytes(c), r).header("ETag", "\"old\""),
                    _ if asked == Some("\"old\"") => Reply::whole(c).header("ETag", "\"new\""),
                    _ => Reply::ranged(c, r).header("ETag", "\"new\""),
                }
            }, Whole),
        ("other bytes", SMALL, |r, c| Reply::ranged(&other_bytes(c), r), Fault("has sha256")),
        ("other bytes, large", LARGE, |r, c| Reply::ranged(&other_bytes(c), r), Fault("has sha256")),
        ("half, then closed, once", SMALL, |r, c| at_first(1, r, c, |reply| reply.stop(300_000, Ending::Close)), Whole),
        ("half, then closed, large", LARGE,
            |r, c| at_first(9, r, c, |reply| reply.stop(200_000, Ending::Close)), Whole),
        ("half, then closed, always and from the start", SMALL,
            |_, c| Reply::whole(c).stop(300_000, Ending::Close), Fault("closed before all was there")),
        ("nothing, then closed, always", LARGE,
            |r, c| Reply::ranged(c, r).stop(0, Ending::Close), Fault("closed before all was there")),
        ("reset", SMALL, |r, c| at_first(3, r, c, |reply| reply.stop(100_000, Ending::Reset)), Whole),
        ("reset, always", SMALL, |r, c| Reply::ranged(c, r).stop(0, Ending::Reset), Fault("the connection was")),
        ("stalls once", SMALL, |r, c| at_first(1, r, c, |reply| reply.stop(300_000, Ending::Stall)), Whole),
        ("stalls in a range", LARGE, |r, c| at_first(2, r, c, |reply| reply.stop(300_000, Ending::Stall)), Whole),
        ("stalls always", SMALL, |r, c| Reply::ranged(c, r).stop(0, Ending::Stall), Fault("no data for too long")),
        ("drips", 300, |r, c| Reply::ranged(c, r).rate(1000.0), Whole),
        ("429 with Retry-After", SMALL,
            |r, c| at_first(1, r, c, |_| Reply::status(429).header("Retry-After", "1")), Whole),
        ("429 always", SMALL, |_, _| Reply::status(429), Fault("answered 429")),
        ("503 at first", LARGE, |r, c| at_first(3, r, c, |_| Reply::status(503)), Whole),
        ("503 always", SMALL, |_, _| Reply::status(503), Fault("answered 503")),
        ("404", SMALL, |_, _| Reply::status(404), Fault("answered 404")),
        ("403", LARGE, |_, _| Reply::status(403), Fault("answered 403")),
        ("shorter than the lock says", SMALL, |_, c| Reply::whole(&cut(c, 1000)), Fault("is 1000 bytes long, 600000")),
        ("shorter than the lock says, in ranges", LARGE,
            |r, c| Reply::ranged(&cut(c, 3 * MIB), r), Fault("is 3145728 bytes long, 4194304")),
        ("a length that lies", SMALL,
            |_, c| Reply::whole(c).framing(Framing::LongerBy(5)), Fault("is 600005 bytes long")),
        ("longer than the lock says, without a length", SMALL,
            |_, c| Reply::whole(&Arc::new([&c[..], &c[..]].concat())).framing(Framing::Chunked),
            Fault("is more than 600000 bytes long")),
        ("redirected in steps", LARGE,
            |r, c| if r.target == "/end" { Reply::ranged(c, r) }
                else { Reply::status(302).header("Location", "end") }, Whole),
        ("redirected for ever", SMALL, |r, _| Reply::status(307).header("Location", &r.target), Fault("redirects")),
        ("redirected nowhere", SMALL, |_, _| Reply::status(302).header("Location", "ftp://h/"), Fault("redirect")),
    ]
}

#[test]
fn every_fault_is_survived_or_named() {
    for (name, size, answer, expected) in table() {
        // Each stall is waited for: once is enough.
        for tail_first in [false, true].into_iter().take(if name.starts_with("stalls") { 1 } else { 2 }) {
            let content = bytes(size);
            let server = Server::of(&content, answer);
            let mut run = Run::new(Options { tail_first, ..options() });
            let got = outcome(run.start(source(&[server.url("/f")], &content)));
            match (&expected, got) {
                (Whole, Ok(got)) => assert!(got == *content, "{name}"),
                (Fault(text), Err(fault)) => {
                    let said = fault.to_string();
                    assert!(
                        said.starts_with("demo: http://127.0.0.1") && said.contains(text),
                        "{name}: {said}"
                    );
                    assert!(fault.hint().is_some() || said.contains("503"), "{name}: no hint");
                }
                (_, got) => panic!("{name}, tail first {tail_first}: {:?}", got.map(|bytes| bytes.len())),
            }
            let left = run.left_over();
            assert!(left.iter().all(|file| file.contains(".part")), "{name}: {left:?}");
            assert!(matches!(expected, Fault(_)) || left.is_empty(), "{name}: {left:?}");
            assert!(server.count() < 60, "{name}: {} requests", server.count());
        }
    }
}

#[test]
fn mirrors_are_tried_in_order() {
    let content = bytes(LARGE);
    let good = Server::of(&content, move |request, content| Reply::ranged(content, request));
    let bad = Server::of(&content, move |request, content| match request.target.as_str() {
        "/404" => Reply::status(404),
        "/503" => Reply::status(503),
        "/half" if request.range(LARGE).is_some_and(|range| range.start > MIB) => Reply::status(500),
        "/half" => Reply::ranged(content, request),
        "/short" => Reply::whole(&cut(content, 5)),
        _ => Reply::ranged(&other_bytes(content), request),
    });
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = format!("http://{gone}/gone");
    for first in
        [bad.url("/404"), bad.url("/503"), bad.url("/half"), bad.url("/short"), bad.url("/other"), gone]
    {
        let run = Run::new(options());
        let urls = [first.clone(), good.url("/f")];
        assert!(outcome(run.start(source(&urls, &content))).unwrap() == *content, "{first}");
    }
    let all = [bad.url("/404"), bad.url("/other")];
    let fault = outcome(Run::new(options()).start(source(&all, &content))).unwrap_err();
    assert!(fault.to_string().contains("/other has sha256"), "{fault}");
    assert!(
        fault.to_string().ends_with(&format!("; before that, {} answered 404", bad.url("/404"))),
        "{fault}"
    );
    let all = [bad.url("/other"), bad.url("/404")];
    let fault = outcome(Run::new(options()).start(source(&all, &content))).unwrap_err();
    let said = fault.to_string();
    assert!(
        said.contains("/404 answered 404; before that, ") && said.contains("/other has sha256"),
        "{said}"
    );
    assert_eq!(said.matches("/other").count(), 1, "{said}");
    let fault = outcome(Run::new(options()).start(source(&[], &content))).unwrap_err();
    assert!(fault.to_string().contains("demo: the lock names no URL"), "{fault}");
    let nonsense = ["https://".to_owned(), "file:///x".to_owned()];
    let fault = outcome(Run::new(options()).start(source(&nonsense, &content))).unwrap_err();
    assert!(fault.to_string().contains("file:///x"), "{fault}");
}

#[test]
fn a_file_of_unknown_size_arrives_too() {
    let answers: [Answer; 4] = [
        |_, c| Reply::whole(c),
        |_, c| Reply::whole(c).framing(Framing::Chunked),
        |r, c| at_first(1, r, c, |reply| reply.stop(300_000, Ending::Close)),
        |r, c| {
            let whole = Reply::whole(c).framing(Framing::Chunked);
            if r.number == 0 { whole.stop(300_000, Ending::Close) } else { whole }
        },
    ];
    for answer in answers {
        let content = bytes(SMALL);
        let server = Server::of(&content, answer);
        let mut run = Run::new(options());
        let source = Source { size: None, ..source(&[server.url("/f")], &content) };
        let arrival = run.start(source);
        assert_eq!(arrival.length().unwrap(), SMALL as u64);
        assert!(outcome(arrival).unwrap() == *content);
        assert!(run.left_over().is_empty());
    }
}

#[test]
fn trouble_that_was_overcome_is_mentioned_once() {
    for (failures, warnings) in [(1, 0), (3, 1)] {
        let content = bytes(SMALL);
        let server = Server::of(&content, move |request, content| {
            at_first(failures, request, content, |_| Reply::status(503))
        });
        let run = Run::new(options());
        outcome(run.start(source(&[server.url("/f")], &content))).unwrap();
        let said: Vec<Event> = run.events.try_iter().collect();
        assert_eq!(said.len(), warnings, "{said:?}");
        assert_eq!(run.task.counters.fetched_bytes.load(Relaxed), SMALL as u64);
    }
}
