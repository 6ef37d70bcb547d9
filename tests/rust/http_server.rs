//! A small HTTP/1.1 server for tests: real sockets, one thread a connection, every fault on order.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// How many requests came before it, over all connections.
    pub(crate) number: usize,
}

impl Request {
    /// The `Range` header, if there is one, cut at `length`.
    pub(crate) fn range(&self, length: usize) -> Option<Range<usize>> {
        let (first, last) = self.headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
        if first.is_empty() {
            return Some(length.saturating_sub(last.parse().ok()?)..length);
        }
        let end = last.parse::<u64>().map_or(length, |last| length.min(usize::try_from(last).unwrap() + 1));
        Some(first.parse().ok()?..end)
    }
}

/// What happens to a body after so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Reset,
    /// Nothing more comes, and the connection stays open.
    Stall,
}

/// How the length of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    /// A `Content-Length` that is so much larger than the body.
    LongerBy(u64),
    Chunked,
    /// Neither: the body ends with the connection.
    UntilClosed,
}

/// An answer, or what is left of one.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Arc<Vec<u8>>,
    pub(crate) part: Range<usize>,
    pub(crate) framing: Framing,
    pub(crate) stop: Option<(usize, Ending)>,
    /// Bytes a second.
    pub(crate) rate: Option<f64>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        let body = Arc::new(format!("status {status}\n").into_bytes());
        let part = 0..body.len();
        Self { status, headers: vec![], body, part, framing: Framing::Length, stop: None, rate: None }
    }

    /// All of `body`, whatever was asked for.
    pub(crate) fn whole(body: &Arc<Vec<u8>>) -> Self {
        Self { part: 0..body.len(), body: body.clone(), ..Self::status(200) }
    }

    /// What was asked for of `body`.
    pub(crate) fn ranged(body: &Arc<Vec<u8>>, request: &Request) -> Self {
        match request.range(body.len()) {
            None => Self::whole(body),
            Some(part) if part.start >= body.len() => Self::status(416),
            Some(part) => {
                let range = format!("bytes {}-{}/{}", part.start, part.end - 1, body.len());
                Self { status: 206, part, ..Self::whole(body) }.header("Content-Range", &range)
            }
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stop(mut self, after: usize, ending: Ending) -> Self {
        self.stop = Some((after, ending));
        self
    }

    pub(crate) fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    pub(crate) fn rate(mut self, bytes_per_second: f64) -> Self {
        self.rate = Some(bytes_per_second);
        self
    }
}

pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;
type Wrap = dyn Fn(TcpStream) -> Box<dyn Stream> + Send + Sync;

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    closing: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_wrapped(handler, |stream| Box::new(stream))
    }

    /// Serves one file, under every name.
    pub(crate) fn of(
        content: &Arc<Vec<u8>>,
        answer: impl Fn(&Request, &Arc<Vec<u8>>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let content = content.clone();
        Self::start(move |request| answer(request, &content))
    }

    /// `wrap` puts TLS around a connection.
    pub(crate) fn start_wrapped(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
            closing: Arc::default(),
        };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        let (closing, handler, wrap) = (server.closing.clone(), Arc::new(handler), Arc::new(wrap));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if closing.load(Ordering::Relaxed) {
                    return;
                }
                connections.fetch_add(1, Ordering::Relaxed);
                let connection = Connection {
                    handler: handler.clone(),
                    wrap: wrap.clone(),
                    requests: requests.clone(),
                    closing: closing.clone(),
                };
                thread::spawn(move || connection.serve(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

struct Connection {
    handler: Arc<Handler>,
    wrap: Arc<Wrap>,
    requests: Arc<Mutex<Vec<Request>>>,
    closing: Arc<AtomicBool>,
}

impl Connection {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(raw) = stream.try_clone() else { return };
        let mut reader = BufReader::new((self.wrap)(stream));
        while let Ok(Some(mut request)) = read_request(&mut reader) {
            {
                let mut requests = self.requests.lock().unwrap();
                request.number = requests.len();
                requests.push(request.clone());
            }
            let reply = (self.handler)(&request);
            if !matches!(self.answer(reader.get_mut(), &raw, &reply), Ok(true)) {
                return;
            }
        }
    }

    /// Whether the connection goes on.
    fn answer(&self, stream: &mut Box<dyn Stream>, raw: &TcpStream, reply: &Reply) -> io::Result<bool> {
        let body = &reply.body[reply.part.clone()];
        stream.write_all(head(reply, body.len()).as_bytes())?;
        let cut = reply.stop.map_or(body.len(), |(after, _)| after.min(body.len()));
        send(stream, &body[..cut], reply)?;
        match reply.stop {
            Some((_, Ending::Close)) => return Ok(false),
            Some((_, Ending::Reset)) => {
                rustix::net::sockopt::set_socket_linger(raw, Some(Duration::ZERO))?;
                return Ok(false);
            }
            Some((_, Ending::Stall)) => self.stall(raw),
            None if reply.framing == Framing::Chunked => stream.write_all(b"0\r\n\r\n")?,
            None => {}
        }
        stream.flush()?;
        Ok(matches!(reply.framing, Framing::Length | Framing::Chunked))
    }

    /// Until the other side goes away.
    fn stall(&self, raw: &TcpStream) {
        let _ = raw.set_read_timeout(Some(Duration::from_millis(20)));
        let mut raw = raw;
        while !self.closing.load(Ordering::Relaxed) && !matches!(raw.read(&mut [0; 64]), Ok(0)) {}
    }
}

fn head(reply: &Reply, length: usize) -> String {
    let mut lines = vec![format!("HTTP/1.1 {} Whatever", reply.status)];
    lines.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push(match reply.framing {
        Framing::Length => format!("Content-Length: {length}"),
        Framing::LongerBy(more) => format!("Content-Length: {}", length as u64 + more),
        Framing::Chunked => "Transfer-Encoding: chunked".to_owned(),
        Framing::UntilClosed => "Connection: close".to_owned(),
    });
    lines.join("\r\n") + "\r\n\r\n"
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // rates are rough
fn send(stream: &mut Box<dyn Stream>, body: &[u8], reply: &Reply) -> io::Result<()> {
    let began = Instant::now();
    let mut sent = 0;
    // A slow server sends little at a time, at least twenty times a second.
    let grain = reply.rate.map_or(1 << 20, |rate| ((rate / 20.0) as usize).clamp(1, 64 << 10));
    for block in body.chunks(grain) {
        if reply.framing == Framing::Chunked {
            stream.write_all(format!("{:x}\r\n", block.len()).as_bytes())?;
            stream.write_all(block)?;
            stream.write_all(b"\r\n")?;
        } else {
            stream.write_all(block)?;
        }
        sent += block.len();
        if let Some(rate) = reply.rate {
            let due = Duration::from_secs_f64(sent as f64 / rate);
            thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<Box<dyn Stream>>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let target = words.nth(1).unwrap_or_default();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    Ok(Some(Request { target, headers, number: 0 }))
}
