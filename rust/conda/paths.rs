//! What a package says of its files: `info/paths.json`, or `files`, `has_prefix` and `no_link` of older packages.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::conda::fault::{CondaFault, ListedFault};
use crate::conda::info;
use crate::digest::Sha256;
use crate::unpack::index::Rewriting;

/// What stands for the prefix where a package does not say it (conda's `has_prefix` files).
const PLACEHOLDER: &str = "/opt/anaconda1anaconda2anaconda3";
const PATHS: &str = "info/paths.json";
const FILES: &str = "info/files";

/// One listed path.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) kind: ListedKind,
    pub(crate) sha256: Option<Sha256>,
    pub(crate) size: Option<u64>,
    /// What stands for the prefix in it, and how it is replaced.
    pub(crate) placeholder: Option<(String, Rewriting)>,
    /// It must not share its content with another environment.
    pub(crate) no_link: bool,
}

/// As what a path is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListedKind {
    File,
    Symlink,
    Directory,
    /// The list does not tell.
    Any,
}

/// All paths that a package installs, and the file that lists them.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) file: &'static str,
    pub(crate) rows: Vec<Listed>,
}

#[derive(Deserialize)]
struct PathsJson {
    paths_version: u64,
    paths: Vec<RawPath>,
}

#[derive(Deserialize)]
struct RawPath {
    #[serde(rename = "_path")]
    path: String,
    path_type: String,
    sha256: Option<String>,
    size_in_bytes: Option<u64>,
    file_mode: Option<String>,
    prefix_placeholder: Option<String>,
    no_link: Option<bool>,
}

type Texts = HashMap<&'static str, Vec<u8>>;

impl List {
    pub(crate) fn read(texts: &Texts) -> Result<Self, CondaFault> {
        let list = match (texts.get(PATHS), texts.get(FILES)) {
            (Some(text), _) => Self { file: PATHS, rows: from_json(text)? },
            (None, Some(text)) => Self { file: FILES, rows: from_files(text, texts)? },
            (None, None) => return Err(CondaFault::Missing(PATHS)),
        };
        let mut seen = HashSet::with_capacity(list.rows.len());
        match list.rows.iter().find(|row| !seen.insert(row.path.as_str())) {
            Some(row) => Err(list.fault(&row.path, ListedFault::Twice)),
            None => Ok(list),
        }
    }

    /// That archive and list disagree on a path.
    pub(crate) fn fault(&self, path: &str, fault: ListedFault) -> CondaFault {
        CondaFault::Listed { list: self.file, path: path.to_owned(), fault }
    }
}

fn from_json(text: &[u8]) -> Result<Vec<Listed>, CondaFault> {
    let list: PathsJson = info::json(text, PATHS)?;
    if list.paths_version != 1 {
        let fault = format!("version {} is unknown: a newer fastenv is needed", list.paths_version);
        return Err(CondaFault::Text { file: PATHS, fault });
    }
    list.paths.into_iter().map(RawPath::listed).collect()
}

impl RawPath {
    fn listed(self) -> Result<Listed, CondaFault> {
        let fault = |fault: &'static str| {
            Err(CondaFault::Listed { list: PATHS, path: self.path.clone(), fault: ListedFault::Words(fault) })
        };
        let kind = match self.path_type.as_str() {
            "hardlink" => ListedKind::File,
            "softlink" => ListedKind::Symlink,
            "directory" => ListedKind::Directory,
            _ => return fault("it is of a type that no archive holds"),
        };
        let sha256 = match self.sha256.as_deref().filter(|text| !text.is_empty()).map(str::parse::<Sha256>) {
            Some(Err(_)) => return fault("its sha256 is none"),
            Some(Ok(sha256)) => Some(sha256),
            None => None,
        };
        let mode = match self.file_mode.as_deref() {
            Some("text") | None => Rewriting::Text,
            Some("binary") => Rewriting::Binary,
            Some(_) => return fault("its file_mode is neither text nor binary"),
        };
        let placeholder = self.prefix_placeholder.filter(|text| !text.is_empty()).map(|text| (text, mode));
        if placeholder.is_some() && kind != ListedKind::File {
            let fault = ListedFault::Words("it is no file, and has a prefix to replace");
            return Err(CondaFault::Listed { list: PATHS, path: self.path, fault });
        }
        let no_link = self.no_link.unwrap_or(false);
        Ok(Listed { path: self.path, kind, sha256, size: self.size_in_bytes, placeholder, no_link })
    }
}

fn from_files(text: &[u8], texts: &Texts) -> Result<Vec<Listed>, CondaFault> {
    let mut placeholders = HashMap::new();
    for line in lines(texts, "info/has_prefix")? {
        let (path, placeholder) = has_prefix(line).ok_or_else(|| CondaFault::Text {
            file: "info/has_prefix",
            fault: format!("{line:?} says nothing"),
        })?;
        placeholders.insert(path, placeholder);
    }
    let mut no_link: HashSet<&str> = lines(texts, "info/no_link")?.into_iter().collect();
    no_link.extend(lines(texts, "info/no_softlink")?);
    let paths = utf8(text, FILES)?.lines().map(str::trim).filter(|line| !line.is_empty());
    let row = |path: &str| Listed {
        path: path.to_owned(),
        kind: ListedKind::Any,
        sha256: None,
        size: None,
        placeholder: placeholders.get(path).cloned(),
        no_link: no_link.contains(path),
    };
    Ok(paths.map(row).collect())
}

fn lines<'a>(texts: &'a Texts, file: &'static str) -> Result<Vec<&'a str>, CondaFault> {
    let Some(text) = texts.get(file) else { return Ok(Vec::new()) };
    Ok(utf8(text, file)?.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
}

fn utf8<'a>(text: &'a [u8], file: &'static str) -> Result<&'a str, CondaFault> {
    std::str::from_utf8(text).map_err(|_| CondaFault::Text { file, fault: String::from("not UTF-8") })
}

/// `PATH` or `PLACEHOLDER MODE PATH`; words with blanks stand in quotes.
fn has_prefix(line: &str) -> Option<(String, (String, Rewriting))> {
    match words(line)?.as_slice() {
        [path] => Some((path.clone(), (PLACEHOLDER.to_owned(), Rewriting::Text))),
        [placeholder, mode, path] => {
            let mode = match mode.as_str() {
                "text" => Rewriting::Text,
                "binary" => Rewriting::Binary,
                _ => return None,
            };
            Some((path.clone(), (placeholder.clone(), mode)))
        }
        _ => None,
    }
}

fn words(line: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => rest[1..].split_once(first)?,
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        found.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_has_prefix() {
        let read = |line: &str| has_prefix(line).map(|(path, (placeholder, mode))| (path, placeholder, mode));
        let row = |path: &str, placeholder: &str, mode| Some((path.to_owned(), placeholder.to_owned(), mode));
        assert_eq!(read("lib/x.la"), row("lib/x.la", PLACEHOLDER, Rewriting::Text));
        assert_eq!(read("/p text a"), row("a", "/p", Rewriting::Text));
        assert_eq!(read("\"/p q\" binary 'a b'"), row("a b", "/p q", Rewriting::Binary));
        assert_eq!(read("/p other a"), None);
        assert_eq!(read("/p text"), None);
        assert_eq!(read("\"/p text a"), None);
    }
}
