//! What a package says of itself: `info/index.json` and `info/link.json`.

use std::collections::HashMap;

use serde::Deserialize;

use crate::conda::fault::CondaFault;
use crate::lock::Noarch;
use crate::unpack::entry_points;
use crate::unpack::index::EntryPoint;

/// `info/index.json`, as far as it must be understood.
#[derive(Debug, Deserialize)]
pub(crate) struct IndexJson {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) build: String,
    /// Of a python: where its site-packages is below the prefix (CEP 17).
    #[serde(default)]
    pub(crate) python_site_packages_path: Option<String>,
    #[serde(default)]
    noarch: serde_json::Value,
}

/// `info/link.json` (conda's package metadata, version 1).
#[derive(Deserialize)]
struct LinkJson {
    package_metadata_version: u64,
    noarch: Option<LinkNoarch>,
}

#[derive(Deserialize)]
struct LinkNoarch {
    #[serde(default)]
    entry_points: Vec<String>,
}

impl IndexJson {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, CondaFault> {
        json(text, "info/index.json")
    }

    /// The oldest packages say `true`, which is what `generic` is now.
    pub(crate) fn noarch(&self) -> Option<Noarch> {
        match &self.noarch {
            serde_json::Value::String(word) if word == "python" => Some(Noarch::Python),
            serde_json::Value::String(_) | serde_json::Value::Bool(true) => Some(Noarch::Generic),
            _ => None,
        }
    }
}

/// A text of `info/` as JSON.
pub(crate) fn json<'a, T: Deserialize<'a>>(text: &'a [u8], file: &'static str) -> Result<T, CondaFault> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    serde_json::from_slice(text).map_err(|fault| CondaFault::Text { file, fault: fault.to_string() })
}

/// The scripts that a noarch python package wants; of two with one name the last.
pub(crate) fn entry_points(texts: &HashMap<&'static str, Vec<u8>>) -> Result<Vec<EntryPoint>, CondaFault> {
    let file =
        ["info/link.json", "info/package_metadata.json"].into_iter().find(|file| texts.contains_key(file));
    let Some((file, text)) = file.and_then(|file| Some((file, texts.get(file)?))) else {
        return Ok(Vec::new());
    };
    let link: LinkJson = json(text, file)?;
    if link.package_metadata_version != 1 {
        let fault =
            format!("version {} is unknown: a newer fastenv is needed", link.package_metadata_version);
        return Err(CondaFault::Text { file, fault });
    }
    let mut found: Vec<EntryPoint> = Vec::new();
    for line in link.noarch.map_or_else(Vec::new, |noarch| noarch.entry_points) {
        let point = entry_points::parse_line(&line, false)
            .map_err(|fault| CondaFault::Text { file, fault: fault.to_string() })?;
        found.retain(|other| other.name != point.name);
        found.push(point);
    }
    Ok(found)
}
