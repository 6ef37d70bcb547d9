//! Which proxy a request takes, from the variables that every tool reads.

use std::net::IpAddr;

use super::address::Address;

/// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, or their values given otherwise. Empty means none.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    /// For http URLs.
    pub http: String,
    /// For https URLs.
    pub https: String,
    /// For what the other two leave out.
    pub all: String,
    /// Hosts to reach directly: names, `.suffixes`, addresses, networks, each with an optional `:port`, or `*`.
    pub none: String,
}

impl ProxySettings {
    /// Lower case wins over upper case, as with curl.
    #[must_use]
    pub fn from_environment() -> Self {
        let read = |name: &str| {
            let value = std::env::var(name.to_lowercase()).or_else(|_| std::env::var(name));
            value.unwrap_or_default().trim().to_owned()
        };
        Self {
            http: read("HTTP_PROXY"),
            https: read("HTTPS_PROXY"),
            all: read("ALL_PROXY"),
            none: read("NO_PROXY"),
        }
    }

    /// The URL of the proxy to use.
    pub(super) fn choose(&self, address: &Address) -> Option<&str> {
        let own = if address.is_https() { &self.https } else { &self.http };
        let proxy = if own.is_empty() { &self.all } else { own };
        if proxy.is_empty() || self.is_direct(address) { None } else { Some(proxy) }
    }

    fn is_direct(&self, address: &Address) -> bool {
        let host = address.host().trim_matches(['[', ']']).to_lowercase();
        let rules = self.none.split([',', ' ']).map(str::trim).filter(|rule| !rule.is_empty());
        rules.into_iter().any(|rule| matches(&rule.to_lowercase(), &host, address.port()))
    }
}

fn matches(rule: &str, host: &str, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>()
        && let Some(answer) = matches_network(rule, address)
    {
        return answer;
    }
    let (name, wanted) = match rule.rsplit_once(':') {
        Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => (name, number.parse().ok()),
        _ => (rule, None),
    };
    let name = name.trim_start_matches("*.").trim_start_matches('.').trim_matches(['[', ']']);
    let is_below = host.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    !name.is_empty() && is_below && wanted.is_none_or(|wanted: u16| wanted == port)
}

/// `None` if the rule is no address and no network.
fn matches_network(rule: &str, address: IpAddr) -> Option<bool> {
    let (network, bits) = match rule.split_once('/') {
        Some((network, bits)) => (network, Some(bits.parse::<u32>().ok()?)),
        None => (rule, None),
    };
    Some(match (network.trim_matches(['[', ']']).parse().ok()?, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same_front(u32::from(a).into(), u32::from(b).into(), bits, 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same_front(a.into(), b.into(), bits, 128),
        _ => false,
    })
}

fn same_front(one: u128, other: u128, bits: Option<u32>, width: u32) -> bool {
    let rest = width - bits.unwrap_or(width).min(width);
    one.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_by_scheme_and_host() {
        let none = "localhost, .in.example,10.0.0.0/8 host.example:8080,fd00::/8,192.168.1.1".to_owned();
        let proxies = ProxySettings {
            https: "http://p:1".into(),
            all: "http://a:1".into(),
            none,
            ..Default::default()
        };
        for (url, proxy) in [
            ("https://o.example/", Some("http://p:1")),
            ("http://o.example/", Some("http://a:1")),
            ("http://localhost:81/", None),
            ("http://x.in.example/", None),
            ("http://in.example/", None),
            ("http://xin.example/", Some("http://a:1")),
            ("http://10.2.3.4/", None),
            ("http://11.2.3.4/", Some("http://a:1")),
            ("http://[fd00::1]:5/", None),
            ("http://192.168.1.1/", None),
            ("http://192.168.1.12/", Some("http://a:1")),
            ("http://host.example:8080/", None),
            ("http://host.example/", Some("http://a:1")),
        ] {
            assert_eq!(proxies.choose(&Address::parse(url).unwrap()), proxy, "{url}");
        }
        let all = ProxySettings { none: "*".into(), ..proxies };
        assert_eq!(all.choose(&Address::parse("https://o.example/").unwrap()), None);
    }
}
