//! What a package says of another, as conda's match specs have it (`conda.models.match_spec`): a name, and conditions on
//! version and build. Of regular expressions only a choice of words is understood (`^(x86_64_v3|zen3)$`), which is what
//! packages want of a processor by; others no package uses for a virtual one.

use crate::probe::version::Version;

/// A match spec.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The package that it speaks of.
    pub name: String,
    version: Option<Condition>,
    build: Option<Build>,
}

/// A condition on a build string.
#[derive(Debug, Clone)]
enum Build {
    Pattern(Glob),
    OneOf(Vec<String>),
}

/// A condition on a version.
#[derive(Debug, Clone)]
enum Condition {
    Any,
    All(Vec<Condition>),
    Either(Vec<Condition>),
    Compare(Comparison, Version),
    Pattern(Glob),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Begins,
    BeginsNot,
    Compatible,
}

/// A text in which `*` stands for any other.
#[derive(Debug, Clone)]
struct Glob(String);

const OPERATORS: [(&str, Comparison); 8] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("~=", Comparison::Compatible),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Begins),
];

/// Bytes of a spec, and parentheses in it: those of real packages have a tenth. A lock comes from elsewhere, and who
/// parses what is nested deeper runs out of stack.
const LONGEST: usize = 8192;
const DEEPEST: usize = 32;

impl Spec {
    /// `None` for what conda would refuse, for regular expressions, and for what is beyond all measure.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST || text.matches('(').count() > DEEPEST {
            return None;
        }
        let text = text.split('#').next()?.split(" if ").next()?.trim();
        let (text, inner) = match text.split_once('[') {
            Some((text, inner)) => (text, Some(inner.trim_end().strip_suffix(']')?)),
            None => (text, None),
        };
        let end = text.find([' ', '=', '<', '>', '!', '~']).unwrap_or(text.len());
        let (name, rest) = (text[..end].to_ascii_lowercase(), text[end..].trim());
        if name.is_empty() {
            return None;
        }
        let (version, build) = if rest.is_empty() { (None, None) } else { parted(rest) };
        let mut spec = Self { name, version: None, build: None };
        if let Some(version) = version {
            spec.version = Some(Condition::parse(&plain(&version, build.is_some()))?);
        }
        spec.build = match build {
            Some(build) => Some(Build::parse(build)?),
            None => None,
        };
        match inner {
            Some(inner) => spec.with(inner),
            None => Some(spec),
        }
    }

    /// The same, with what stands in brackets: `version='>=1',build=x`.
    fn with(mut self, mut inner: &str) -> Option<Self> {
        while !inner.trim().is_empty() {
            let (key, rest) = inner.split_once('=')?;
            let quote = rest.chars().next().filter(|c| "'\"".contains(*c));
            let (value, rest) = match quote {
                Some(quote) => rest[1..].split_once(quote)?,
                None => rest.split_at(rest.find([',', ' ']).unwrap_or(rest.len())),
            };
            match key.trim() {
                "version" => self.version = Some(Condition::parse(&plain(&value.replace(' ', ""), false))?),
                "build" => self.build = Some(Build::parse(value)?),
                _ => return None,
            }
            inner = rest.trim_start_matches([',', ' ']);
        }
        Some(self)
    }

    /// Whether a package of this version and build is meant.
    #[must_use]
    pub fn is_met_by(&self, version: &Version, text: &str, build: &str) -> bool {
        self.version.as_ref().is_none_or(|wanted| wanted.is_met_by(version, text))
            && self.build.as_ref().is_none_or(|wanted| wanted.is_met_by(build))
    }
}

/// Version and build of `>=1.0,<2 build` or `1.0=build`: the build is the first word that can be one to the end.
fn parted(text: &str) -> (Option<String>, Option<&str>) {
    let separators = text.char_indices().skip(1).filter(|(_, c)| " =".contains(*c));
    let found = separators.map(|(at, _)| at).find(|&at| {
        let before = text[..at].chars().next_back().is_some_and(|c| "=!|,<>~".contains(c));
        let build = &text[at + 1..];
        !before && !build.is_empty() && !build.contains(['-', '=', ',', '|', '<', '>', '~'])
    });
    let (version, build) = found.map_or((text, None), |at| (&text[..at], Some(text[at + 1..].trim())));
    (Some(version.replace(' ', "")), build)
}

/// `=1.2` means all that begins so, unless a build is given with it.
fn plain(version: &str, has_build: bool) -> String {
    let bare = version.trim_start_matches('=');
    if bare.is_empty() || !version.starts_with('=') {
        return version.to_owned();
    }
    let is_exact = version.starts_with("==");
    match (bare.contains(['=', ',', '|']), is_exact || has_build || bare.ends_with('*')) {
        (true, _) if !is_exact || has_build => version.to_owned(),
        (_, true) => bare.to_owned(),
        _ => format!("{bare}*"),
    }
}

impl Condition {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let found = Self::either(&mut rest)?;
        rest.is_empty().then_some(found)
    }

    fn either(rest: &mut &str) -> Option<Self> {
        let mut arms = vec![Self::all(rest)?];
        while take(rest, '|') {
            arms.push(Self::all(rest)?);
        }
        Some(if arms.len() == 1 { arms.remove(0) } else { Self::Either(arms) })
    }

    fn all(rest: &mut &str) -> Option<Self> {
        let mut arms = vec![Self::one(rest)?];
        while take(rest, ',') {
            arms.push(Self::one(rest)?);
        }
        Some(if arms.len() == 1 { arms.remove(0) } else { Self::All(arms) })
    }

    fn one(rest: &mut &str) -> Option<Self> {
        if take(rest, '(') {
            let inner = Self::either(rest)?;
            return take(rest, ')').then_some(inner);
        }
        let end = rest.find(['(', ')', '|', ',']).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(end);
        *rest = behind;
        Self::simple(text.trim())
    }

    fn simple(text: &str) -> Option<Self> {
        if text.is_empty() || text.starts_with('^') || text.ends_with('$') || text.contains('@') {
            return None;
        }
        if let Some((operator, comparison)) =
            OPERATORS.iter().find(|(operator, _)| text.starts_with(operator))
        {
            return Self::compared(*comparison, &text[operator.len()..]);
        }
        let body = text.trim_end_matches('*');
        match (body.is_empty(), body.contains('*'), body.len() < text.len()) {
            (true, ..) => Some(Self::Any),
            (_, true, _) => Some(Self::Pattern(Glob(text.to_owned()))),
            (_, _, true) => {
                Some(Self::Compare(Comparison::Begins, Version::parse(body.trim_end_matches('.'))?))
            }
            _ => Some(Self::Compare(Comparison::Equal, Version::parse(text)?)),
        }
    }

    fn compared(comparison: Comparison, version: &str) -> Option<Self> {
        if version.starts_with(['=', '<', '>', '!', '~']) || version.contains(char::is_whitespace) {
            return None;
        }
        let (stem, comparison) = match (version.strip_suffix(".*"), comparison) {
            (Some(_), Comparison::Compatible) => return None,
            (Some(stem), Comparison::NotEqual) => (stem, Comparison::BeginsNot),
            (Some(stem), comparison) => (stem, comparison),
            (None, comparison) => (version, comparison),
        };
        Some(Self::Compare(comparison, Version::parse(stem)?))
    }

    fn is_met_by(&self, version: &Version, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::All(arms) => arms.iter().all(|arm| arm.is_met_by(version, text)),
            Self::Either(arms) => arms.iter().any(|arm| arm.is_met_by(version, text)),
            Self::Pattern(glob) => glob.matches(text),
            Self::Compare(comparison, wanted) => match comparison {
                Comparison::Equal => version == wanted,
                Comparison::NotEqual => version != wanted,
                Comparison::Less => version < wanted,
                Comparison::LessOrEqual => version <= wanted,
                Comparison::Greater => version > wanted,
                Comparison::GreaterOrEqual => version >= wanted,
                Comparison::Begins => version.starts_with(wanted),
                Comparison::BeginsNot => !version.starts_with(wanted),
                Comparison::Compatible => version.is_compatible_with(wanted),
            },
        }
    }
}

fn take(rest: &mut &str, mark: char) -> bool {
    let behind = rest.trim_start().strip_prefix(mark);
    *rest = behind.unwrap_or(rest);
    behind.is_some()
}

impl Build {
    fn parse(text: &str) -> Option<Self> {
        let Some(words) = text.strip_prefix('^').and_then(|text| text.strip_suffix('$')) else {
            return Some(Self::Pattern(Glob::parse(text)?));
        };
        let words = words.strip_prefix('(').and_then(|words| words.strip_suffix(')')).unwrap_or(words);
        let is_plain = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        words.split('|').all(is_plain).then(|| Self::OneOf(words.split('|').map(str::to_owned).collect()))
    }

    fn is_met_by(&self, build: &str) -> bool {
        match self {
            Self::Pattern(glob) => glob.matches(build),
            Self::OneOf(words) => words.iter().any(|word| word == build),
        }
    }
}

impl Glob {
    fn parse(text: &str) -> Option<Self> {
        (!text.starts_with('^') && !text.ends_with('$')).then(|| Self(text.to_owned()))
    }

    fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let pieces: Vec<&str> = pieces.collect();
        let Some((last, inner)) = pieces.split_last() else { return rest.is_empty() };
        for piece in inner {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(spec: &str, version: &str, build: &str) -> bool {
        let spec = Spec::parse(spec).unwrap_or_else(|| panic!("{spec} is a spec"));
        spec.is_met_by(&Version::parse(version).unwrap(), version, build)
    }

    #[test]
    fn what_is_no_spec() {
        for text in [
            "",
            ">=1",
            "a >",
            "a >=",
            "a ><1",
            "a >=1,",
            "a |1",
            "a (1",
            "a 1)",
            "a ^1$",
            "a 1..2",
            "a =!1",
            "a ~=1.*",
            "a[version=>=1",
            "a[license=x]",
            "a[version]",
            "a * ^x.$",
            "a * ^x",
            "a * ^(x|y*)$",
            "a * ^$",
        ] {
            assert!(Spec::parse(text).is_none(), "{text:?}");
        }
        let deep = |count: usize| format!("a {}1{}", "(".repeat(count), ")".repeat(count));
        assert!(Spec::parse(&deep(DEEPEST)).is_some());
        assert!(Spec::parse(&deep(1_000_000)).is_none());
        assert!(Spec::parse(&format!("a {}", "1 ".repeat(1_000_000))).is_none());
    }

    #[test]
    fn versions_are_compared() {
        for (spec, yes, no) in [
            ("__glibc >=2.17,<3.0.a0", "2.17 2.36 2.100", "2.16 3.0 3.0.a0"),
            ("__glibc>=2.17", "2.17", "2.5"),
            ("__glibc >= 2.17 , < 3", "2.17", "3"),
            ("__cuda 12.*", "12 12.4", "13 11.8 1"),
            ("__cuda 12*", "12 12.4", "120 11"),
            ("__cuda =12", "12.4", "11.8"),
            ("__cuda ==12.4", "12.4 12.4.0", "12.4.1"),
            ("__cuda 12.4", "12.4", "12.5"),
            ("__cuda !=12.4", "12.3", "12.4"),
            ("__cuda !=12.*", "11.8", "12.4"),
            ("__cuda ~=12.2", "12.2 12.9", "12.1 13"),
            ("__cuda 11.8|>=12.2", "11.8 12.2 13", "12 11.7"),
            ("__cuda (>=11,<12)|(>=12.4,<13)", "11.0 12.9", "12.0 13"),
            ("__cuda >=11.2,!=12.0|9.*", "9.2 12.1", "12.0 10"),
            ("__cuda 1*.4", "12.4 1.4", "12.5"),
            ("__cuda", "12.4 0", ""),
            ("__cuda *", "12.4 0", ""),
            ("__cuda[version='>=12,<13']", "12.4", "13"),
            ("__cuda[version=12.4,build=\"*\"]", "12.4", "13"),
            ("__cuda >=12.*", "12.0", "11.9"),
        ] {
            assert!(yes.split(' ').all(|version| meets(spec, version, "0")), "{spec} {yes}");
            assert!(!no.split_whitespace().any(|version| meets(spec, version, "0")), "{spec} {no}");
        }
    }

    #[test]
    fn builds_are_compared() {
        for (spec, build, expected) in [
            ("__archspec 1 x86_64_v3", "x86_64_v3", true),
            ("__archspec 1 x86_64_v3", "zen", false),
            ("__archspec 1=x86_64_v3", "x86_64_v3", true),
            ("__archspec=1=x86_64_v3", "x86_64_v3", true),
            ("__archspec * x86_64*", "x86_64_v4", true),
            ("__archspec * *_v3", "x86_64_v4", false),
            ("__archspec * x*_*3", "x86_64_v3", true),
            ("__archspec[build=zen]", "zen", true),
            ("__archspec 2 zen", "zen", false),
            ("__archspec[version='1.*', build='^(x86_64_v3|zen|zen2)$']", "zen2", true),
            ("__archspec[version='1.*', build='^(x86_64_v3|zen|zen2)$']", "zen3", false),
            ("__archspec * ^zen$", "zen", true),
        ] {
            assert_eq!(meets(spec, "1", build), expected, "{spec} {build}");
        }
    }
}
