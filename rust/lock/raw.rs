//! The tables of a lock as TOML has them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::conda::{Noarch, VirtualPackage};
use super::overlay::PathEnd;
use super::{Library, LockedInterpreter, NamedIndex, Platform};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Document {
    pub(super) lock_version: String,
    #[serde(default)]
    pub(super) packages: Vec<RawPackage>,
    pub(super) tool: Option<Tool<RawTool>>,
}

#[derive(Deserialize)]
pub(super) struct Tool<T> {
    pub(super) fastenv: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RawTool {
    pub(super) format: Option<i64>,
    #[serde(default)]
    pub(super) env_id: String,
    pub(super) platform: Option<Platform>,
    pub(super) interpreter: Option<LockedInterpreter>,
    #[serde(default)]
    pub(super) contested: Vec<RawContested>,
    #[serde(default)]
    pub(super) conda: Vec<RawConda>,
    #[serde(default, rename = "virtual")]
    pub(super) virtual_packages: Vec<VirtualPackage>,
    #[serde(default)]
    pub(super) libraries: Vec<Library>,
    #[serde(default)]
    pub(super) overlays: Vec<RawOverlay>,
    #[serde(default)]
    pub(super) indexes: Vec<NamedIndex>,
    #[serde(default)]
    pub(super) link_scripts: bool,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    pub(super) conda_meta: Option<RawCondaMeta>,
}

#[derive(Clone, Default, Deserialize)]
pub(super) struct RawCondaMeta {
    #[serde(default)]
    pub(super) pinned: Vec<String>,
    pub(super) frozen: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawOverlay {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) size: Option<u64>,
    pub(super) place: PathEnd,
}

#[derive(Deserialize)]
pub(super) struct RawContested {
    pub(super) path: String,
    pub(super) winner: String,
}

#[derive(Deserialize)]
pub(super) struct RawPackage {
    pub(super) name: String,
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) wheels: Vec<RawWheel>,
    pub(super) tool: Option<Tool<RawPackageTool>>,
}

#[derive(Deserialize)]
pub(super) struct RawWheel {
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) hashes: RawHashes,
}

#[derive(Deserialize)]
pub(super) struct RawHashes {
    pub(super) sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RawPackageTool {
    pub(super) files_digest: Option<String>,
    pub(super) index_name: Option<String>,
    pub(super) index_path: Option<String>,
    #[serde(default)]
    pub(super) requested: bool,
    pub(super) direct_url: Option<String>,
    #[serde(default)]
    pub(super) mirrors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RawConda {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) build: String,
    pub(super) build_number: u64,
    pub(super) subdir: String,
    pub(super) channel: Option<String>,
    pub(super) file_name: String,
    pub(super) url: Option<String>,
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) sha256: String,
    pub(super) md5: Option<String>,
    pub(super) index_name: Option<String>,
    pub(super) index_path: Option<String>,
    pub(super) noarch: Option<Noarch>,
    #[serde(default)]
    pub(super) requested: Vec<String>,
    #[serde(default)]
    pub(super) link_scripts: bool,
}
