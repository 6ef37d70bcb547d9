//! HTTP requests: one answer for one range of one URL.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ureq::http::{HeaderMap, header};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, RustlsConnector};
use ureq::{Agent, BodyReader, Proxy, ProxyProtocol, Timeout};

use super::address::Address;
use super::connect::{Forward, Names, Sockets, Stop};
use super::netrc::{Login, Netrc};
use super::options::Options;
use super::{retry, roots};
use crate::fs;

/// A header line of 16 KiB must be enough for a request; a response's body is read 128 KiB at a time.
const REQUEST_BUFFER: usize = 16 << 10;
const RESPONSE_BUFFER: usize = 128 << 10;
const MOST_REDIRECTS: usize = 10;

/// HTTP/1.1 connections to any number of hosts, kept alive between requests.
#[derive(Debug)]
pub struct Client {
    options: Options,
    netrc: OnceLock<Netrc>,
    agents: Mutex<Agents>,
    stop: Stop,
}

/// An agent knows one proxy, and has read the root certificates only if it needs any.
type Agents = HashMap<(bool, Option<String>), Agent>;

/// What a server said, its body still to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Bytes of the body, if announced.
    pub(super) length: Option<u64>,
    /// First byte, end, and total size if known, of a partial answer.
    pub(super) range: Option<(Range<u64>, Option<u64>)>,
    /// A strong entity tag.
    pub(super) etag: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: BodyReader<'static>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub(super) what: String,
    /// Whether it may go better another time.
    pub(super) passing: bool,
}

impl NoAnswer {
    fn lasting(what: impl Into<String>) -> Self {
        Self { what: what.into(), passing: false }
    }

    /// A body or a connection that broke off.
    pub(super) fn of_io(fault: &io::Error) -> Self {
        if fault.kind() == io::ErrorKind::InvalidData {
            return Self::lasting(format!("{fault} (SSL_CERT_FILE names the certificates to trust)"));
        }
        Self { what: said_plainly(&fault.to_string(), fault.kind()), passing: true }
    }
}

impl From<ureq::Error> for NoAnswer {
    fn from(fault: ureq::Error) -> Self {
        match fault {
            ureq::Error::Io(fault) => Self::of_io(&fault),
            ureq::Error::Timeout(limit) => Self { what: timeout_text(limit).to_owned(), passing: true },
            ureq::Error::Rustls(fault) => Self::lasting(format!("TLS: {fault}")),
            fault
            @ (ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_)) => {
                Self { what: fault.to_string(), passing: true }
            }
            fault => Self::lasting(fault.to_string()),
        }
    }
}

fn timeout_text(limit: Timeout) -> &'static str {
    match limit {
        Timeout::Resolve => "the name was not found in time",
        Timeout::Connect => "no connection in time",
        _ => "no data for too long",
    }
}

fn said_plainly(text: &str, kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timeout_text(Timeout::PerRead).to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed before all was there".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        _ if text.starts_with("timeout") => timeout_text(Timeout::PerRead).to_owned(),
        _ => text.to_owned(),
    }
}

impl Client {
    /// Touches neither network nor disk.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, netrc: OnceLock::new(), agents: Mutex::default(), stop: Stop::default() }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Closes every connection, also under requests that are being answered, and refuses new ones.
    pub fn shut_down(&self) {
        self.stop.store(true, Ordering::Release);
        let agents = std::mem::take(&mut *self.agents.lock().unwrap_or_else(PoisonError::into_inner));
        agents.into_values().for_each(Agent::shutdown);
    }

    /// Asks for a range, or for the whole; follows redirects. Any status is an answer.
    pub(super) fn get(
        &self,
        address: &Address,
        range: Option<&Range<u64>>,
        if_range: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        let mut at = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            let login = self.login(&at, address);
            let (parts, body) = self.request(&at, login, range, if_range)?.into_parts();
            let location = parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            match location {
                Some(location) if matches!(parts.status.as_u16(), 301 | 302 | 303 | 307 | 308) => {
                    at =
                        at.join(location).map_err(|fault| NoAnswer::lasting(format!("redirect: {fault}")))?;
                }
                _ => return Ok(Answer::new(parts.status.as_u16(), &parts.headers, body.into_reader())),
            }
        }
        Err(NoAnswer::lasting(format!("more than {MOST_REDIRECTS} redirects")))
    }

    fn request(
        &self,
        address: &Address,
        login: Option<&Login>,
        range: Option<&Range<u64>>,
        if_range: Option<&str>,
    ) -> Result<ureq::http::Response<ureq::Body>, NoAnswer> {
        let mut request = self.agent(address)?.get(address.uri().clone());
        if let Some(range) = range {
            request = request.header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1));
            if let Some(etag) = if_range {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        if let Some(login) = login {
            request = request.header(header::AUTHORIZATION, login.to_basic());
        }
        Ok(request.call()?)
    }

    /// What to log in with at `at`, having been sent there by `first`: never in clear text what was asked for over
    /// TLS, and at another host only what netrc says of that very host. (A signed URL of an object store is
    /// refused if it comes with credentials besides.)
    fn login<'a>(&'a self, at: &'a Address, first: &Address) -> Option<&'a Login> {
        if first.is_https() && !at.is_https() {
            return None;
        }
        let own = at.login();
        if own.is_some_and(|login| !login.password.is_empty()) {
            return own;
        }
        let by_host = {
            let netrc = self.netrc.get_or_init(|| {
                let text = self.options.netrc.as_deref().and_then(|path| fs::read(path).ok());
                Netrc::parse(&String::from_utf8_lossy(&text.unwrap_or_default()))
            });
            netrc.login(at.host(), at.host() == first.host())
        };
        // A user name alone is a token, or netrc has the password of that very user.
        by_host.filter(|login| own.is_none_or(|own| own.user == login.user)).or(own)
    }

    fn agent(&self, address: &Address) -> Result<Agent, NoAnswer> {
        let proxy = self.options.proxies.choose(address);
        let way = (address.is_https(), proxy.map(str::to_owned));
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.load(Ordering::Acquire) {
            return Err(NoAnswer::lasting("cancelled"));
        }
        if let Some(agent) = agents.get(&way) {
            return Ok(agent.clone());
        }
        let agent = self.new_agent(address.is_https(), proxy)?;
        agents.insert(way, agent.clone());
        Ok(agent)
    }

    fn new_agent(&self, is_https: bool, proxy: Option<&str>) -> Result<Agent, NoAnswer> {
        let options = &self.options;
        let proxy = proxy.map(usable_proxy).transpose()?;
        let forward =
            proxy.as_ref().filter(|p| !is_https && p.protocol() == ProxyProtocol::Http).map(forward_to);
        let is_proxy_tls = proxy.as_ref().is_some_and(|p| p.protocol() == ProxyProtocol::Https);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("fastenv/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            // `recv_body` and `recv_response` limit the whole transfer: only the silence between reads counts.
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout))
            .max_idle_connections(options.connections)
            .max_idle_connections_per_host(options.connections)
            .input_buffer_size(RESPONSE_BUFFER)
            .output_buffer_size(REQUEST_BUFFER)
            .proxy(proxy.filter(|_| forward.is_none()));
        if is_https || is_proxy_tls {
            config = config.tls_config(roots::tls_config(options).map_err(NoAnswer::lasting)?);
        }
        let names = Names::new(self.stop.clone(), forward.clone());
        let tls_layers = u64::from(is_https) + u64::from(is_proxy_tls);
        let sockets = Sockets { stop: self.stop.clone(), forward, tls_layers };
        let connector = ConnectProxyConnector::default().chain(sockets).chain(RustlsConnector::default());
        Ok(Agent::with_parts(config.build(), connector, names))
    }
}

fn usable_proxy(url: &str) -> Result<Proxy, NoAnswer> {
    let proxy = Proxy::new(url).map_err(|_| NoAnswer::lasting("the proxy variable holds no usable URL"))?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(proxy),
        other => Err(NoAnswer::lasting(format!(
            "proxies of the kind {other:?} are not supported, only http and https"
        ))),
    }
}

fn forward_to(proxy: &Proxy) -> Forward {
    let login = proxy.username().map(|user| Login {
        user: user.to_owned(),
        password: proxy.password().unwrap_or_default().to_owned(),
    });
    Forward {
        authority: format!("{}:{}", proxy.host(), proxy.port()),
        authorization: login.map(|login| login.to_basic()),
    }
}

impl Answer {
    fn new(status: u16, headers: &HeaderMap, body: BodyReader<'static>) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status,
            length: text(header::CONTENT_LENGTH).and_then(|value| value.trim().parse().ok()),
            range: text(header::CONTENT_RANGE).and_then(parse_content_range),
            etag: text(header::ETAG).filter(|tag| tag.starts_with('"')).map(str::to_owned),
            retry_after: text(header::RETRY_AFTER).and_then(retry::parse_retry_after),
            body,
        }
    }
}

/// `bytes 0-99/1234` or `bytes 0-99/*` (RFC 9110 section 14.4).
fn parse_content_range(text: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let end = last.checked_add(1).filter(|end| *end > first)?;
    Some((first..end, total.trim().parse().ok()))
}
