//! Connections that a cancelled run does not wait for: names are looked up beside, sockets connect in slices.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Error, Timeout};

use super::low_water::{LowWater, PATIENCE};

/// How often a waiting thread looks whether the run was cancelled.
const SLICE: Duration = Duration::from_millis(50);

/// Told by [`super::Client::shut_down`].
pub(super) type Stop = Arc<AtomicBool>;

fn stopped() -> Error {
    io::Error::new(io::ErrorKind::NotConnected, "cancelled").into()
}

/// A proxy for plain http, which takes requests for whole URLs (RFC 9112 section 3.2.2). Many proxies allow
/// CONNECT, the only way that ureq knows, to port 443 alone.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    /// `host:port`.
    pub(super) authority: String,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<String>,
}

/// Looks each name up once. ureq asks before every request, on a new thread if there is a time limit.
#[derive(Debug)]
pub(super) struct Names {
    stop: Stop,
    forward: Option<Forward>,
    known: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl Names {
    pub(super) fn new(stop: Stop, forward: Option<Forward>) -> Self {
        Self { stop, forward, known: Mutex::default() }
    }

    fn look_up(&self, name: &str, limit: Duration) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(known.clone());
        }
        let (sender, receiver) = mpsc::channel();
        let owned = name.to_owned();
        // The system's resolver cannot be interrupted: at worst this thread ends long after us.
        let ask = move || sender.send(owned.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
        let no_thread = |fault| io::Error::other(format!("cannot start a thread: {fault}"));
        thread::Builder::new().spawn(ask).map_err(no_thread)?;
        let deadline = Instant::now() + limit;
        while !self.stop.load(Ordering::Acquire) {
            match receiver.recv_timeout(SLICE) {
                Ok(found) => return self.remember(name, found?),
                Err(_) if Instant::now() >= deadline => return Err(Error::Timeout(Timeout::Resolve)),
                Err(_) => {}
            }
        }
        Err(stopped())
    }

    fn remember(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        if found.is_empty() {
            return Err(Error::HostNotFound);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), found.clone());
        Ok(found)
    }
}

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let own = || {
            let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(default))
        };
        let name = self.forward.as_ref().map_or_else(own, |forward| forward.authority.clone());
        let mut addresses = self.empty();
        // As many as the array holds.
        for address in self.look_up(&name, *timeout.after)?.into_iter().take(16) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Opens sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) stop: Stop,
    pub(super) forward: Option<Forward>,
    /// To the server, and to the proxy.
    pub(super) tls_layers: u64,
}

impl<In: Transport> Connector<In> for Sockets {
    type Out = Either<In, Socket>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(tunnel) = chained {
            return Ok(Some(Either::A(tunnel)));
        }
        let stream = self.open(&details.addrs, *details.timeout.after)?;
        stream.set_nodelay(true)?;
        let config = details.config;
        let socket = Socket {
            stream: Arc::new(stream),
            buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
            limits: [None; 2],
            low_water: LowWater::new(self.tls_layers),
            rewrite: self.forward.as_ref().map(|forward| Rewrite::new(details.uri, forward)),
        };
        let handle: Weak<dyn ShutdownHandle> = Arc::downgrade(&socket.stream) as _;
        (details.register_shutdown)(handle)?;
        Ok(Some(Either::B(socket)))
    }
}

impl Sockets {
    /// Tries the addresses in turn; each but the last gets half of the time that is left.
    fn open(&self, addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, Error> {
        // "Never" is more than an Instant can hold.
        let deadline = Instant::now() + limit.min(Duration::from_secs(3600));
        let mut fault = Error::ConnectionFailed;
        for (at, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = if at + 1 == addresses.len() { left } else { left / 2 };
            match self.open_one(*address, Instant::now() + share) {
                Ok(stream) => return Ok(stream),
                Err(_) if self.stop.load(Ordering::Acquire) => return Err(stopped()),
                Err(new) => fault = new,
            }
        }
        Err(fault)
    }

    fn open_one(&self, address: SocketAddr, deadline: Instant) -> Result<TcpStream, Error> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None).map_err(io::Error::from)?;
        match connect(&socket, &address) {
            Ok(()) => {}
            Err(rustix::io::Errno::INPROGRESS | rustix::io::Errno::INTR) => self.wait(&socket, deadline)?,
            Err(fault) => return Err(io::Error::from(fault).into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(stream)
    }

    fn wait(&self, socket: &rustix::fd::OwnedFd, deadline: Instant) -> Result<(), Error> {
        while !self.stop.load(Ordering::Acquire) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Timeout(Timeout::Connect));
            }
            let slice = rustix::event::Timespec::try_from(left.min(SLICE)).unwrap_or_default();
            match poll(&mut [PollFd::new(socket, PollFlags::OUT)], Some(&slice)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let outcome = sockopt::socket_error(socket).map_err(io::Error::from)?;
                    return outcome.map_err(|fault| io::Error::from(fault).into());
                }
                Err(fault) => return Err(io::Error::from(fault).into()),
            }
        }
        Err(stopped())
    }
}

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Socket {
    /// Shared with the agent, which shuts it down.
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
    /// The time limits that the socket has for reads and writes.
    limits: [Option<Duration>; 2],
    low_water: LowWater,
    rewrite: Option<Rewrite>,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let limit = limit_of(timeout.for_write())?;
        if self.limits[1] != limit {
            self.stream.set_write_timeout(limit)?;
            self.limits[1] = limit;
        }
        let output = &self.buffers.output()[..amount];
        let rewritten = self.rewrite.as_ref().map(|rewrite| rewrite.head(output));
        (&*self.stream).write_all(rewritten.as_deref().unwrap_or(output)).map_err(|f| timed_out(f, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let limit = limit_of(timeout)?;
        let (held, room) = (self.buffers.input().len(), self.buffers.input_append_buf().len());
        let outcome = if self.low_water.rise(&self.stream, held, room) {
            match self.read(Some(limit.map_or(PATIENCE, |limit| limit.min(PATIENCE)))) {
                Err(fault) if is_timeout(&fault) => {
                    self.low_water.fall(&self.stream);
                    self.read(limit)
                }
                other => other,
            }
        } else {
            self.read(limit)
        };
        let count = outcome.map_err(|fault| timed_out(fault, timeout))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Nothing to read and not closed either.
    fn is_open(&mut self) -> bool {
        let mut stream = &*self.stream;
        let is_silent = stream.set_nonblocking(true).is_ok()
            && matches!(stream.read(&mut [0]), Err(fault) if fault.kind() == io::ErrorKind::WouldBlock);
        is_silent && stream.set_nonblocking(false).is_ok()
    }
}

impl Socket {
    /// Bytes that were read behind those in the buffer.
    fn read(&mut self, limit: Option<Duration>) -> io::Result<usize> {
        if self.limits[0] != limit {
            self.stream.set_read_timeout(limit)?;
            self.limits[0] = limit;
        }
        let input = self.buffers.input_append_buf();
        loop {
            match (&*self.stream).read(input) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

fn limit_of(timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    if timeout.after.is_not_happening() {
        return Ok(None);
    }
    if timeout.after.is_zero() { Err(Error::Timeout(timeout.reason)) } else { Ok(Some(*timeout.after)) }
}

fn timed_out(fault: io::Error, timeout: NextTimeout) -> Error {
    if is_timeout(&fault) { Error::Timeout(timeout.reason) } else { fault.into() }
}

fn is_timeout(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Turns `GET /path` into `GET http://host/path`, and adds what the proxy must know.
#[derive(Debug)]
struct Rewrite {
    origin: String,
    header: String,
}

impl Rewrite {
    fn new(uri: &Uri, forward: &Forward) -> Self {
        let authority = uri.authority().map_or("", ureq::http::uri::Authority::as_str);
        let header = forward.authorization.as_ref();
        Self {
            origin: format!("http://{authority}"),
            header: header.map_or_else(String::new, |value| format!("Proxy-Authorization: {value}\r\n")),
        }
    }

    /// The whole head of a request comes in one buffer, which is larger than any that we send.
    fn head(&self, output: &[u8]) -> Vec<u8> {
        let (Some(rest), Some(line_end)) =
            (output.strip_prefix(b"GET "), output.windows(2).position(|pair| pair == b"\r\n"))
        else {
            return output.to_owned();
        };
        let (line, headers) = rest.split_at(line_end - 2);
        [b"GET ", self.origin.as_bytes(), line, self.header.as_bytes(), headers].concat()
    }
}
