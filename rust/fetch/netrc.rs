//! Credentials by host from a netrc file, as curl and pip read it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl Login {
    /// The value of an `Authorization` header (RFC 7617).
    pub(super) fn to_basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(...)")
    }
}

/// The entries of one netrc file in order; an empty host is `default`.
#[derive(Debug, Default)]
pub(super) struct Netrc(Vec<(String, Login)>);

impl Netrc {
    /// Reads what can be read: words unknown to us are passed over, as other readers do.
    pub(super) fn parse(text: &str) -> Self {
        let plain = without_macros(text);
        let mut words = plain.iter().map(String::as_str);
        let mut entries: Vec<(String, Login)> = Vec::new();
        let nobody = || Login { user: String::new(), password: String::new() };
        while let Some(word) = words.next() {
            match (word, entries.last_mut()) {
                ("machine", _) => entries.push((words.next().unwrap_or_default().to_lowercase(), nobody())),
                ("default", _) => entries.push((String::new(), nobody())),
                ("login", Some((_, login))) => words.next().unwrap_or_default().clone_into(&mut login.user),
                ("password", Some((_, login))) => {
                    words.next().unwrap_or_default().clone_into(&mut login.password);
                }
                _ => {}
            }
        }
        Self(entries)
    }

    /// The first entry for `host`, or the default one if it `may_be_default`.
    pub(super) fn login(&self, host: &str, may_be_default: bool) -> Option<&Login> {
        let host = host.to_lowercase();
        let entry = self.0.iter().find(|(name, _)| *name == host || (may_be_default && name.is_empty()));
        entry.map(|(_, login)| login)
    }
}

/// The words of the file, without comments and without `macdef` blocks, which end at an empty line.
fn without_macros(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        if line.trim_start().starts_with('#') {
            continue;
        }
        for word in words_of(line) {
            if word == "macdef" {
                in_macro = true;
                break;
            }
            words.push(word);
        }
    }
    words
}

/// Words, of which some may stand in double quotes with backslash escapes.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = line.chars().peekable();
    loop {
        while letters.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(first) = letters.peek().copied() else { return words };
        let quoted = first == '"';
        if quoted {
            letters.next();
        }
        let mut word = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted => break,
                '\\' if quoted => word.extend(letters.next()),
                space if !quoted && space.is_whitespace() => break,
                letter => word.push(letter),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_other_readers_read() {
        let text = "# machine no.example login x password y\nmachine A.example login u password \"p \\\" w\"\n\
                    macdef init\nmachine m.example login evil\n\nmachine b.example\n  account z\n  login v\n  password #w\ndefault login d password e";
        let netrc = Netrc::parse(text);
        let pair = |host| netrc.login(host, true).map(|l| (l.user.clone(), l.password.clone())).unwrap();
        assert_eq!(pair("a.example"), ("u".into(), "p \" w".into()));
        assert_eq!(pair("b.example"), ("v".into(), "#w".into()));
        assert_eq!(pair("m.example"), ("d".into(), "e".into()));
        assert!(netrc.login("m.example", false).is_none());
        assert!(Netrc::parse("machine x.example login u").login("y.example", true).is_none());
    }
}
