//! How to fetch: limits, times, and what the environment says about proxies, credentials and certificates.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::proxy::ProxySettings;

const MIB: u64 = 1 << 20;
/// Connections at once, over all hosts, unless it is said otherwise. Many servers pace each connection: with half as
/// many, two processors could be waiting for sixteen of 25 MB/s.
pub const CONNECTIONS: usize = 32;

/// The settings of one [`super::Client`] and of the [`super::Fetcher`] that uses it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections at once, over all hosts.
    pub connections: usize,
    /// For name resolution, for TCP and TLS together, each.
    pub connect_timeout: Duration,
    /// The longest silence before an answer or in the middle of one.
    pub stall_timeout: Duration,
    /// Requests without progress before a mirror is given up.
    pub tries: u32,
    /// The pause before the second try; it doubles with every further one.
    pub first_pause: Duration,
    /// The longest pause, and the longest `Retry-After` that is obeyed.
    pub longest_pause: Duration,
    /// Larger files go to a part file and are fetched in ranges. Bytes.
    pub memory_file: u64,
    /// Bytes that files in memory may hold together; a file that does not fit waits for others to be dropped.
    pub memory: u64,
    /// Bytes that are in memory of each file that is read in order, where there are eight; where there are fewer, more.
    pub window: u64,
    /// What of them takes the network longer than that is written, too, so that a later run goes on with it.
    pub worth_keeping: Duration,
    /// Bytes asked for at once from a large file; half or twice as much where that suits its length better.
    pub piece: u64,
    /// Hash several files at once, where the processor is better at that.
    pub side_by_side: bool,
    /// Larger files are hashed alone all the same; see `digest::together::alone_above`. Bytes.
    pub alone: u64,
    /// Fetch the end first of files of 4 MiB and more, so that a zip's directory is known early.
    pub tail_first: bool,
    /// Proxies by scheme.
    pub proxies: ProxySettings,
    /// The file with credentials by host.
    pub netrc: Option<PathBuf>,
    /// A PEM file of root certificates that replaces the system's.
    pub certificate_file: Option<PathBuf>,
    /// Directories of root certificates that replace the system's.
    pub certificate_dir: Option<PathBuf>,
}

impl Default for Options {
    /// Without a look at the environment.
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            tries: 5,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(60),
            memory_file: 32 * MIB,
            memory: 64 * MIB,
            window: 12 * MIB,
            worth_keeping: Duration::from_secs(20),
            piece: 8 * MIB,
            // Without optimisation it takes a hundred times as long.
            side_by_side: cfg!(not(debug_assertions)),
            alone: u64::MAX,
            tail_first: false,
            proxies: ProxySettings::default(),
            netrc: None,
            certificate_file: None,
            certificate_dir: None,
        }
    }
}

impl Options {
    /// With the proxy variables, `NETRC`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    #[must_use]
    pub fn from_environment() -> Self {
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || path("HOME").map(|home| home.join(".netrc"));
        Self {
            proxies: ProxySettings::from_environment(),
            netrc: path("NETRC").or_else(home),
            certificate_file: path("SSL_CERT_FILE"),
            certificate_dir: path("SSL_CERT_DIR"),
            ..Self::default()
        }
    }
}
