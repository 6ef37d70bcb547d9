//! Versions as conda orders them (`conda.models.version.VersionOrder`; CEP 33 says what they look like).

use std::cmp::Ordering;

/// A part of a component, in the order of conda: texts, numbers, `post`. Of texts `DEV` is the least, since its letters
/// are large.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(String),
    /// Digits without zeros before them, and first how many: so they compare whatever their size.
    Number(usize, String),
    Post,
}

/// What stands for a part that the other version lacks: `1.1` is `1.1.0`.
const ZERO: Part = Part::Number(0, String::new());

type Components = Vec<Vec<Part>>;

/// A version that can be compared.
#[derive(Debug, Clone)]
pub struct Version {
    /// The epoch, then the components.
    main: Components,
    /// Behind a `+`.
    local: Components,
    /// As it was written, in lower case and without its last component.
    stem: String,
}

impl Version {
    /// `None` for what conda would refuse.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut text = text.trim().to_ascii_lowercase();
        if text.contains('-') && !text.contains('_') {
            text = text.replace('-', "_");
        }
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"*.+!_".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_known) {
            return None;
        }
        let (epoch, rest) = text.split_once('!').unwrap_or(("0", &text));
        if rest.contains('!') || epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (main, local) = match rest.split_once('+') {
            Some((main, local)) if main.is_empty() || local.contains('+') => return None,
            Some((main, local)) => {
                (main, local.split(['.', '_']).map(parts).collect::<Option<Components>>()?)
            }
            None => (rest, Vec::new()),
        };
        // An underscore at the end belongs to its component, for versions as openssl has them.
        let (body, end) = main.strip_suffix('_').map_or((main, ""), |body| (body, "_"));
        let mut names: Vec<String> = body.split(['.', '_']).map(str::to_owned).collect();
        names.last_mut()?.push_str(end);
        let mut components = vec![parts(epoch)?];
        for name in &names {
            components.push(parts(name)?);
        }
        let stem = text.rsplit_once('.').map_or("", |(stem, _)| stem).to_owned();
        Some(Self { main: components, local, stem })
    }

    /// Whether it begins with the components of `other`, as `1.2.3` begins with `1.2`.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        let (mine, wanted) = if other.local.is_empty() {
            (&self.main, &other.main)
        } else {
            if compare(&self.main, &other.main) != Ordering::Equal {
                return false;
            }
            (&self.local, &other.local)
        };
        let Some((last, before)) = wanted.split_last() else { return true };
        let at = before.len();
        if compare(&mine[..at.min(mine.len())], before) != Ordering::Equal {
            return false;
        }
        let component = mine.get(at).map_or(&[][..], Vec::as_slice);
        let Some((end, inner)) = last.split_last() else { return true };
        let beginning = &component[..inner.len().min(component.len())];
        if compare_parts(beginning, inner) != Ordering::Equal {
            return false;
        }
        match (component.get(inner.len()).unwrap_or(&ZERO), end) {
            (Part::Text(mine), Part::Text(end)) => mine.starts_with(end.as_str()),
            (mine, end) => mine == end,
        }
    }

    /// Whether it is `other` or later, and has all of its components but the last (`~=`).
    #[must_use]
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        self >= other && Self::parse(&other.stem).is_some_and(|stem| self.starts_with(&stem))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.main, &other.main).then_with(|| compare(&self.local, &other.local))
    }
}

fn compare(one: &[Vec<Part>], other: &[Vec<Part>]) -> Ordering {
    let component = |of: &[Vec<Part>], at: usize| of.get(at).cloned().unwrap_or_default();
    (0..one.len().max(other.len()))
        .map(|at| compare_parts(&component(one, at), &component(other, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn compare_parts(one: &[Part], other: &[Part]) -> Ordering {
    (0..one.len().max(other.len()))
        .map(|at| one.get(at).unwrap_or(&ZERO).cmp(other.get(at).unwrap_or(&ZERO)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The parts of a component: runs of digits, of asterisks, and of all else. One that begins with a text gets a zero
/// before it, so that numbers meet numbers.
fn parts(component: &str) -> Option<Vec<Part>> {
    let kind = |byte: u8| if byte.is_ascii_digit() { 0 } else { 1 + u8::from(byte == b'*') };
    let runs = component.as_bytes().chunk_by(|one, other| kind(*one) == kind(*other));
    let parts = runs.map(|run| {
        let text = String::from_utf8_lossy(run);
        match &*text {
            "post" => Part::Post,
            "dev" => Part::Text("DEV".to_owned()),
            digits if run[0].is_ascii_digit() => {
                let digits = digits.trim_start_matches('0');
                Part::Number(digits.len(), digits.to_owned())
            }
            text => Part::Text(text.to_owned()),
        }
    });
    let first = component.bytes().next()?;
    Some(if first.is_ascii_digit() { parts.collect() } else { std::iter::once(ZERO).chain(parts).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap_or_else(|| panic!("{text} is a version"))
    }

    #[test]
    fn what_is_no_version() {
        for text in
            ["", " ", "1..2", "1.2.", ".1", "1!2!3", "a!1", "!1", "1+2+3", "+1", "1+", "1 2", "1/2", "ü"]
        {
            assert!(Version::parse(text).is_none(), "{text:?}");
        }
    }

    /// The table in conda's own description of its order; `=` is the same as the one before it.
    #[test]
    fn the_order_is_condas() {
        let rows = [
            "0.4",
            "=0.4.0",
            "0.4.1.rc",
            "=0.4.1.RC",
            "0.4.1",
            "0.5a1",
            "0.5b3",
            "0.5C1",
            "0.5",
            "0.9.6",
            "0.960923",
            "1.0",
            "1.1dev1",
            "1.1_",
            "1.1a1",
            "1.1.0dev1",
            "=1.1.dev1",
            "1.1.a1",
            "1.1.0rc1",
            "1.1+local",
            "1.1.0",
            "=1.1",
            "1.1.0post1",
            "=1.1.post1",
            "1.1post1",
            "1996.07.12",
            "20240131235959123456789",
            "1!0.4.1",
            "1!3.1.1.6",
            "2!0.4.1",
        ];
        for pair in rows.windows(2) {
            let (one, other) =
                (version(pair[0].trim_start_matches('=')), version(pair[1].trim_start_matches('=')));
            let expected = if pair[1].starts_with('=') { Ordering::Equal } else { Ordering::Less };
            assert_eq!(one.cmp(&other), expected, "{pair:?}");
        }
        assert!(version("1.0.1_") < version("1.0.1a"));
        assert_eq!(version("1-2"), version("1_2"));
    }

    #[test]
    fn beginnings() {
        for (one, other, expected) in [
            ("1.2.3", "1.2", true),
            ("1.23", "1.2", false),
            ("1", "1.0", true),
            ("1.2rc1", "1.2rc", true),
            ("1.2", "1.2rc", false),
            ("1.2+a.b", "1.2+a", true),
            ("1.3+a", "1.2+a", false),
        ] {
            assert_eq!(version(one).starts_with(&version(other)), expected, "{one} {other}");
        }
        assert!(version("1.4.5").is_compatible_with(&version("1.4.2")));
        assert!(!version("1.5").is_compatible_with(&version("1.4.2")));
        assert!(!version("1.4.1").is_compatible_with(&version("1.4.2")));
    }
}
