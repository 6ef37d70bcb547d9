//! URLs: where a file is, with its credentials kept out of sight.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ureq::http::Uri;
use ureq::http::uri::Authority;

use super::netrc::Login;

/// An http or https URL without its user info, which stands beside it.
#[derive(Clone)]
pub(super) struct Address {
    uri: Uri,
    login: Option<Login>,
    /// What is shown in its place.
    label: Option<String>,
}

/// The text is not an http(s) URL.
#[derive(Debug, thiserror::Error)]
#[error("not an http or https URL: {0}")]
pub(super) struct NotAnAddress(String);

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let fault = || NotAnAddress(redacted(text));
        let uri: Uri = text.split('#').next().unwrap_or(text).parse().map_err(|_| fault())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(fault());
        }
        let mut parts = uri.into_parts();
        let authority = parts.authority.take().ok_or_else(fault)?;
        let (login, bare) = match authority.as_str().rsplit_once('@') {
            Some((user, host)) => (Some(login_of(user)), host.parse::<Authority>().map_err(|_| fault())?),
            None => (None, authority),
        };
        parts.authority = Some(bare);
        Ok(Self { uri: Uri::from_parts(parts).map_err(|_| fault())?, login, label: None })
    }

    /// Where a `Location` header leads. Credentials are never taken along to another origin.
    pub(super) fn join(&self, location: &str) -> Result<Self, NotAnAddress> {
        // A server may repeat what must not be shown.
        let hidden = |fault| self.label.as_ref().map_or(fault, |_| NotAnAddress("(not shown)".to_owned()));
        let mut next = Self::parse(&self.absolute(location)).map_err(hidden)?;
        next.label.clone_from(&self.label);
        if next.login.is_none() && next.origin() == self.origin() {
            next.login.clone_from(&self.login);
        }
        Ok(next)
    }

    /// RFC 3986 section 5.2, for the forms that servers send.
    fn absolute(&self, location: &str) -> String {
        let origin = format!("{}://{}", self.scheme(), self.authority());
        let path = self.uri.path();
        let location = location.split('#').next().unwrap_or_default();
        // A colon further on may be one of an address in a query.
        if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{}:{location}", self.scheme())
        } else if location.starts_with('/') {
            format!("{origin}{location}")
        } else if location.starts_with('?') {
            format!("{origin}{path}{location}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{origin}{}", without_dots(&format!("{folder}/{location}")))
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Shows `label` wherever it would be shown, and wherever it leads.
    pub(super) fn shown_as(mut self, label: String) -> Self {
        self.label = Some(label);
        self
    }

    pub(super) fn log_in(&mut self, login: Login) {
        self.login = Some(login);
    }

    /// All of it, for [`parse`](Self::parse) alone.
    pub(super) fn with_login(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let user_info = |login: &Login| format!("{}:{}@", encode(&login.user), encode(&login.password));
        let login = self.login.as_ref().map(user_info).unwrap_or_default();
        format!("{}://{login}{}{}", self.scheme(), self.authority(), self.uri.path())
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    pub(super) fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or("http")
    }

    pub(super) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", Authority::as_str)
    }

    fn origin(&self) -> (&str, String, u16) {
        (self.scheme(), self.host().to_ascii_lowercase(), self.port())
    }
}

/// Its label, else scheme, host, port and path: what may be shown.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => f.write_str(label),
            None => write!(f, "{}://{}{}", self.scheme(), self.authority(), self.uri.path()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Any text that should have been a URL, without user info, query and fragment.
fn redacted(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let colon = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{colon}{host}{path}")
}

fn login_of(user_info: &str) -> Login {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Login { user: decode(user), password: decode(password) }
}

/// RFC 3986 section 5.2.4, on a path that begins with a slash or is relative to nothing.
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_secret() {
        for text in ["https://u:p%40ss@h.example:8/a/b.whl?token=1#x", "ftp://u:pass@h.example/a?token=1"] {
            let shown = Address::parse(text).map_or_else(|fault| fault.to_string(), |a| format!("{a} {a:?}"));
            assert!(
                !shown.contains("pass") && !shown.contains("p%40") && !shown.contains("token"),
                "{shown}"
            );
        }
        let login = Address::parse("http://u:p%40ss@h.example/").unwrap().login.unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("u", "p@ss"));
    }

    #[test]
    fn follows_every_form_of_location() {
        let base = Address::parse("http://u:p@h.example:81/a/b/c?d").unwrap();
        for (location, url, keeps_login) in [
            ("https://o.example/x", "https://o.example/x", false),
            ("//o.example/x", "http://o.example/x", false),
            ("/x?y", "http://h.example:81/x", true),
            ("x", "http://h.example:81/a/b/x", true),
            ("../x/./y", "http://h.example:81/a/x/y", true),
            ("?z", "http://h.example:81/a/b/c", true),
            ("http://h.example/x", "http://h.example/x", false),
            ("http://H.example:81/x", "http://H.example:81/x", true),
            ("/x?next=https://o.example/y", "http://h.example:81/x", true),
            ("x?next=https://o.example/../y", "http://h.example:81/a/b/x", true),
            ("?next=https://o.example/y", "http://h.example:81/a/b/c", true),
            ("x#https://o.example/y", "http://h.example:81/a/b/x", true),
            ("..", "http://h.example:81/a/", true),
            ("./.", "http://h.example:81/a/b/", true),
        ] {
            let next = base.join(location).unwrap();
            assert_eq!((next.to_string().as_str(), next.login.is_some()), (url, keeps_login), "{location}");
        }
    }
}
