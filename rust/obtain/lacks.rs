//! What can't be had: gathered, so that one run names all of it.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind};

/// So long after the first fault, what has not been answered is not waited for.
const LONGEST: Duration = Duration::from_secs(10);

/// Artifacts that can't be had, each with why.
#[derive(Debug)]
pub struct Lacks {
    faults: Vec<(String, Error)>,
    /// Servers that gave no answer.
    silent: HashSet<String>,
    unasked: usize,
    until: Instant,
}

impl Lacks {
    /// None yet.
    pub(crate) fn new() -> Self {
        let until = Instant::now() + LONGEST;
        Self { faults: Vec::new(), silent: HashSet::new(), unasked: 0, until }
    }

    /// Takes down a fault of one package, by its name; gives back one that concerns more.
    pub(crate) fn add(&mut self, package: &str, fault: Error) -> Result<(), Error> {
        let silent = match &fault {
            Error::Fetch(fault) if fault.is_of_this_place() => fault.silent_url(),
            Error::Mismatch(_) => None,
            Error::Unpack(_) if fault.kind() == Kind::Artifact => None,
            _ => return Err(fault),
        };
        self.silent.extend(silent.map(|url| authority(url).to_owned()));
        self.faults.push((package.to_owned(), fault));
        Ok(())
    }

    /// Whether all of these are at servers that gave no answer; then it is counted and need not be asked for.
    pub(super) fn passes_over(&mut self, urls: &[String]) -> bool {
        let is_silent = !urls.is_empty() && urls.iter().all(|url| self.silent.contains(authority(url)));
        self.unasked += usize::from(is_silent);
        is_silent
    }

    /// So many more were not asked for, or gave no answer in time.
    pub(super) fn leave(&mut self, count: usize) {
        self.unasked += count;
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// The error to end with, if there is a fault: the only one as it is.
    pub(crate) fn into_result(mut self) -> Result<(), Error> {
        self.faults.sort_by(|one, other| one.0.cmp(&other.0));
        match self.faults.len() {
            0 => Ok(()),
            1 => Err(self.faults.remove(0).1),
            _ => Err(Error::Lacks(Box::new(self))),
        }
    }

    /// That of them which is the least likely to go away by itself.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let kinds = self.faults.iter().map(|(_, fault)| fault.kind());
        kinds.min_by_key(|kind| *kind as u8).unwrap_or(Kind::Artifact)
    }

    /// What to do, each thing once.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let mut hints: Vec<String> = Vec::new();
        for hint in self.faults.iter().filter_map(|(_, fault)| fault.hint()) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        (!hints.is_empty()).then(|| hints.join("; "))
    }
}

/// One a line.
impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packages can't be had:", self.faults.len())?;
        for (_, fault) in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        match self.unasked {
            0 => Ok(()),
            count => {
                write!(f, "\n  {count} more may be missing: their servers were not asked, or gave no answer")
            }
        }
    }
}

impl std::error::Error for Lacks {}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let whole = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    whole.rsplit_once('@').map_or(whole, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::fetch::FetchError;
    use crate::fs::FsError;
    use crate::obtain::MismatchError;
    use crate::task::Cancelled;

    fn status(package: &str, status: u16) -> Error {
        let url = format!("https://channel.example/{package}.conda");
        Error::Fetch(Arc::new(FetchError::Status {
            package: package.to_owned(),
            url,
            status,
            retry_after: None,
            to_set: None,
        }))
    }

    fn silence(package: &str) -> Error {
        let (url, what) = (format!("https://index.example/{package}.whl"), "no route".to_owned());
        Error::Fetch(Arc::new(FetchError::Network { package: package.to_owned(), url, what, passing: true }))
    }

    fn full_disk() -> FsError {
        let source = std::io::ErrorKind::StorageFull.into();
        FsError { action: "write", path: PathBuf::from("/x"), source }
    }

    #[test]
    fn what_concerns_more_than_a_package_is_given_back() {
        let mut lacks = Lacks::new();
        let disk = FetchError::Disk { package: "a".to_owned(), source: full_disk() };
        for fault in [
            Error::Cancelled(Cancelled),
            full_disk().into(),
            Error::Fetch(Arc::new(disk)),
            Error::Threads("none left".to_owned()),
        ] {
            assert!(lacks.add("a", fault).is_err());
        }
        assert!(lacks.into_result().is_ok());
    }

    #[test]
    fn one_is_as_it_is_and_several_are_listed() {
        let mut lacks = Lacks::new();
        lacks.add("b", status("b", 404)).unwrap();
        lacks.add("a", status("a", 410)).unwrap();
        let path = PathBuf::from("/beside");
        let absent = MismatchError::Absent { package: "c".to_owned(), path };
        lacks.add("c", absent.into()).unwrap();
        let fault = lacks.into_result().unwrap_err();
        assert_eq!(
            fault.to_string(),
            "3 packages can't be had:\n  a: https://channel.example/a.conda answered 410\n  \
             b: https://channel.example/b.conda answered 404\n  c: /beside is not there"
        );
        assert_eq!((fault.kind(), fault.package()), (Kind::Artifact, None));
        let hint = fault.hint().unwrap();
        assert_eq!((hint.matches("lock again").count(), hint.matches("pylock.fastenv.d").count()), (1, 1));

        let mut lacks = Lacks::new();
        lacks.add("b", status("b", 404)).unwrap();
        assert_eq!(lacks.into_result().unwrap_err().to_string(), status("b", 404).to_string());
    }

    #[test]
    fn a_silent_server_is_not_asked_again() {
        let mut lacks = Lacks::new();
        lacks.add("a", silence("a")).unwrap();
        lacks.add("b", status("b", 404)).unwrap();
        let of = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        assert!(lacks.passes_over(&of(&["https://user:word@index.example/c.whl?token=x"])));
        assert!(!lacks.passes_over(&of(&["https://channel.example/c.conda"])));
        assert!(!lacks.passes_over(&of(&["https://index.example/c.whl", "https://mirror.example/c.whl"])));
        assert!(!lacks.passes_over(&[]));
        let said = lacks.into_result().unwrap_err().to_string();
        assert!(said.ends_with("\n  1 more may be missing: their servers were not asked, or gave no answer"));
    }
}
