//! When two names are one name (PEP 503) and two versions one version (PEP 440).

/// A project's name as indexes know it: lower case, each run of `-`, `_` and `.` one `-`.
#[must_use]
pub fn normalize_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            letter => normal.extend(letter.to_lowercase()),
        }
    }
    normal
}

/// Whether two versions are equal; texts that PEP 440 does not know are equal if they are the same.
#[must_use]
pub fn same_version(one: &str, other: &str) -> bool {
    match (Version::parse(one), Version::parse(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.trim() == other.trim(),
        _ => false,
    }
}

/// A version, such that equal ones have equal parts. Numbers are digits without leading zeros, of any length.
#[derive(PartialEq, Eq, Debug)]
struct Version {
    epoch: String,
    release: Vec<String>,
    pre: Option<(&'static str, String)>,
    post: Option<String>,
    dev: Option<String>,
    local: Vec<String>,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let text = lower.strip_prefix('v').unwrap_or(&lower);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, local_segments(local)?),
            None => (text, Vec::new()),
        };
        let (epoch, rest) = match public.split_once('!') {
            Some((epoch, rest)) => (number(epoch)?, rest),
            None => (String::from("0"), public),
        };
        let mut reader = Reader(rest);
        let release = reader.release()?;
        let pre = reader.pre();
        let post = reader.post();
        let dev = reader.word(&["dev"]).map(|(_, number)| number);
        reader.0.is_empty().then_some(Self { epoch, release, pre, post, dev, local })
    }
}

/// Digits as a number.
fn number(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    Some(if significant.is_empty() { "0" } else { significant }.to_owned())
}

fn local_segments(local: &str) -> Option<Vec<String>> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let segments = local.split(['-', '_', '.']);
    segments.map(|word| number(word).or_else(|| is_word(word).then(|| word.to_owned()))).collect()
}

/// What is left to read.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn digits(&mut self) -> Option<String> {
        let end = self.0.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        let number = number(digits)?;
        self.0 = rest;
        Some(number)
    }

    /// `1.2.0` without the zeros at its end, which mean nothing.
    fn release(&mut self) -> Option<Vec<String>> {
        let mut release = vec![self.digits()?];
        while let Some(rest) = self.0.strip_prefix('.') {
            let before = std::mem::replace(&mut self.0, rest);
            let Some(number) = self.digits() else {
                self.0 = before;
                break;
            };
            release.push(number);
        }
        while release.len() > 1 && release.last().is_some_and(|number| number == "0") {
            release.pop();
        }
        Some(release)
    }

    fn pre(&mut self) -> Option<(&'static str, String)> {
        let words = ["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"];
        self.word(&words).map(|(word, number)| (["a", "a", "b", "b", "rc", "rc", "rc", "rc"][word], number))
    }

    fn post(&mut self) -> Option<String> {
        if let Some(rest) = self.0.strip_prefix('-')
            && rest.starts_with(|letter: char| letter.is_ascii_digit())
        {
            self.0 = rest;
            return self.digits();
        }
        self.word(&["post", "rev", "r"]).map(|(_, number)| number)
    }

    /// One of `words` with its number, which is 0 if it is not there, and with separators before and between.
    fn word(&mut self, words: &[&str]) -> Option<(usize, String)> {
        let start = self.0.strip_prefix(['-', '_', '.']).unwrap_or(self.0);
        // A word may begin with another one (`r` and `rc`): it is the one that the rest agrees with.
        let found = words.iter().enumerate().find_map(|(at, word)| {
            let rest = start.strip_prefix(word)?;
            (!rest.starts_with(|letter: char| letter.is_ascii_alphabetic())).then_some((at, rest))
        });
        let (at, rest) = found?;
        self.0 = rest;
        let mut after = Reader(rest.strip_prefix(['-', '_', '.']).unwrap_or(rest));
        let number = after.digits().inspect(|_| self.0 = after.0);
        Some((at, number.unwrap_or_else(|| String::from("0"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_pep_503() {
        for name in ["Friendly-Bard", "FRIENDLY_bard", "friendly.-._bard"] {
            assert_eq!(normalize_name(name), "friendly-bard");
        }
    }

    #[test]
    fn equal_versions() {
        for (one, other) in [
            ("1.0", "1"),
            ("v1.0.0", "1.0"),
            ("01.02", "1.2"),
            ("0!1", "1"),
            ("1.0alpha1", "1.0a1"),
            ("1.0.beta-2", "1b2"),
            ("1.0-preview", "1.0rc0"),
            ("1c3", "1rc3"),
            ("1.0-1", "1.0.post1"),
            ("1.0r4", "1.0.post4"),
            ("1.0.REV", "1.0.post0"),
            ("1.0_dev", "1.0.dev0"),
            ("1.0.post1.dev2", "1.0post01dev02"),
            ("1.0+Ubuntu-01", "1.0+ubuntu.1"),
            (" 2024.1 ", "2024.01"),
            ("99999999999999999999999", "099999999999999999999999.0"),
            ("odd version", "odd version"),
        ] {
            assert!(same_version(one, other), "{one} {other}");
        }
    }

    #[test]
    fn different_versions() {
        for (one, other) in [
            ("1.0", "1.0+cpu"),
            ("1.0", "1.0.1"),
            ("1!1.0", "1.0"),
            ("1.0a1", "1.0b1"),
            ("1.0rc1", "1.0.post1"),
            ("1.0.post1", "1.0.dev1"),
            ("1.0+a.b", "1.0+ab"),
            ("1.0+", "1.0"),
            ("1.0.x", "1.0"),
            ("1..0", "1.0"),
        ] {
            assert!(!same_version(one, other), "{one} {other}");
        }
    }
}
