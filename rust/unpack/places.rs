//! Where each entry of a wheel goes, by names alone: a pure function of the archive's directory.

use std::collections::{BTreeSet, HashSet};

use crate::unpack::archive::Entry;
use crate::unpack::fault::{ArtifactFault, WheelFault};
use crate::unpack::install_path::Mapper;
use crate::unpack::names::{self, Clash};
use crate::unpack::version::normalize_name;

/// Files of the top-level `.dist-info` that every installer writes anew.
pub(crate) const WRITTEN_ANEW: [&str; 6] =
    ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"];

/// A text that says what the wheel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Metadata,
    Wheel,
    EntryPoints,
}

/// What becomes of one entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is a directory, or a file that is written anew: only its headers and data are checked.
    Nothing,
    /// RECORD, which is read and not written.
    Read,
    /// A file.
    File(FilePlace),
}

/// A file to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilePlace {
    /// Install path.
    pub(crate) path: String,
    /// Position in [`Places::dirs`].
    pub(crate) dir: u32,
    pub(crate) executable: bool,
    /// From the scripts scheme: a `#!python` line is to be rewritten.
    pub(crate) script: bool,
    /// What is to be read of it.
    pub(crate) text: Option<Text>,
}

/// The plan of a whole wheel.
#[derive(Debug)]
pub(crate) struct Places {
    /// Without a slash.
    pub(crate) dist_info: String,
    pub(crate) mapper: Mapper,
    /// In the order of the entries.
    pub(crate) by_entry: Vec<Place>,
    /// Install paths of all directories, sorted.
    pub(crate) dirs: Vec<String>,
}

impl Places {
    /// Plans the wheel of the package `name`.
    pub(crate) fn new(entries: &[Entry], name: &str) -> Result<Self, ArtifactFault> {
        let dist_info = find_dist_info(entries)?;
        let stem = dist_info.strip_suffix(".dist-info").unwrap_or(&dist_info);
        let mapper = Mapper::new(stem, spelled_name(stem, name)?);
        let mut paths = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = mapper.map(&entry.name).map_err(|_| WheelFault::Scheme(entry.name.clone()))?;
            paths.push(path);
        }
        check_clashes(entries, &paths, &dist_info)?;
        let mut planner = Planner { dist_info: &dist_info, mapper: &mapper, dirs: BTreeSet::new() };
        let mut by_entry: Vec<Place> =
            entries.iter().zip(paths).map(|(entry, path)| planner.place(entry, path)).collect();
        let dirs: Vec<String> = planner.dirs.into_iter().collect();
        for place in &mut by_entry {
            if let Place::File(file) = place {
                file.dir = position(&dirs, &file.path);
            }
        }
        Ok(Self { dist_info, mapper, by_entry, dirs })
    }
}

fn find_dist_info(entries: &[Entry]) -> Result<String, WheelFault> {
    let tops = entries.iter().filter_map(|entry| entry.name.split_once('/')).map(|(top, _)| top);
    let found: BTreeSet<&str> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    let mut found = found.into_iter().map(str::to_owned);
    match (found.next(), found.next()) {
        (None, _) => Err(WheelFault::NoDistInfo),
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => {
            Err(WheelFault::ManyDistInfos([one, other].into_iter().chain(found).collect()))
        }
    }
}

/// The name in `<name>-<version>`, which must be the expected one; either part may have hyphens in old wheels.
fn spelled_name<'a>(stem: &'a str, expected: &str) -> Result<&'a str, WheelFault> {
    let normal = normalize_name(expected);
    let names = stem.rmatch_indices('-').map(|(at, _)| &stem[..at]);
    let mut fitting = names.filter(|name| normalize_name(name) == normal);
    let fault =
        || WheelFault::DistInfoName { found: format!("{stem}.dist-info"), expected: expected.to_owned() };
    fitting.next().ok_or_else(fault)
}

fn check_clashes(entries: &[Entry], paths: &[Option<String>], dist_info: &str) -> Result<(), WheelFault> {
    let own: Vec<String> = WRITTEN_ANEW.iter().map(|name| format!("site/{dist_info}/{name}")).collect();
    let mut claims: Vec<(&str, bool)> = Vec::with_capacity(paths.len() + own.len());
    let mut owners: Vec<&str> = Vec::with_capacity(claims.capacity());
    let mut dirs = HashSet::new();
    for (entry, path) in entries.iter().zip(paths) {
        let Some(path) = path.as_deref().map(|path| path.trim_end_matches('/')) else { continue };
        if !entry.is_dir() || dirs.insert(path) {
            claims.push((path, entry.is_dir()));
            owners.push(&entry.name);
        }
    }
    // What an installer adds is claimed even where the wheel has no such file.
    for path in &own {
        let plain = path.strip_prefix("site/").unwrap_or(path);
        if !entries.iter().any(|entry| entry.name == plain) {
            claims.push((path, false));
            owners.push(plain);
        }
    }
    match names::find_clash(&claims) {
        None => Ok(()),
        Some(Clash::Same(one, other)) => Err(WheelFault::SamePath(
            owners[one].to_owned(),
            owners[other].to_owned(),
            claims[one].0.to_owned(),
        )),
        Some(Clash::FileAndDirectory(at)) => Err(WheelFault::FileAndDirectory(owners[at].to_owned())),
    }
}

struct Planner<'a> {
    dist_info: &'a str,
    mapper: &'a Mapper,
    dirs: BTreeSet<String>,
}

impl Planner<'_> {
    fn place(&mut self, entry: &Entry, path: Option<String>) -> Place {
        let Some(path) = path else { return Place::Nothing };
        if entry.is_dir() {
            self.enter(path.trim_end_matches('/'));
            return Place::Nothing;
        }
        let own = entry.name.strip_prefix(self.dist_info).and_then(|rest| rest.strip_prefix('/'));
        match own {
            Some("RECORD") => return Place::Read,
            Some(name) if WRITTEN_ANEW.contains(&name) => return Place::Nothing,
            _ => {}
        }
        if let Some(parent) = names::parents(&path).next() {
            self.enter(parent);
        }
        let script = self.mapper.is_script(&entry.name);
        let executable = script || entry.is_executable();
        let text = match own {
            Some("METADATA") => Some(Text::Metadata),
            Some("WHEEL") => Some(Text::Wheel),
            Some("entry_points.txt") => Some(Text::EntryPoints),
            _ => None,
        };
        Place::File(FilePlace { path, dir: 0, executable, script, text })
    }

    /// Notes a directory and those above it.
    fn enter(&mut self, dir: &str) {
        if self.dirs.contains(dir) {
            return;
        }
        self.dirs.insert(dir.to_owned());
        let missing: Vec<&str> =
            names::parents(dir).take_while(|parent| !self.dirs.contains(*parent)).collect();
        self.dirs.extend(missing.into_iter().map(str::to_owned));
    }
}

/// Where a path's directory stands in the sorted `dirs`.
fn position(dirs: &[String], path: &str) -> u32 {
    let parent = names::parents(path).next().unwrap_or_default();
    let at =
        dirs.binary_search_by(|dir| dir.as_str().cmp(parent)).expect("every file's directory was entered");
    u32::try_from(at).expect("an archive's directory is limited to 64 MiB")
}
