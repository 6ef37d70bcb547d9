//! A wheel becomes a tree: names first, then its entries in any order and from several threads, then its index.

use std::collections::HashMap;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::digest::Sha256;
use crate::fs;
use crate::task::Task;
use crate::unpack::archive::{Archive, Entry};
use crate::unpack::claims::{Claims, Fact};
use crate::unpack::fault::{ArtifactFault, Cause, UnpackError, WheelFault};
use crate::unpack::index::{EntryPoint, Index, IndexFile};
use crate::unpack::inflate::{self, Content, Target};
use crate::unpack::places::{FilePlace, Place, Places, Text};
use crate::unpack::version::{normalize_name, same_version};
use crate::unpack::vouched::Vouched;
use crate::unpack::{ReadAt, entry_points, metadata, record, vouched};

/// The largest METADATA, WHEEL, RECORD or `entry_points.txt` that is read, in bytes.
const LARGEST_TEXT: u64 = 64 << 20;

/// What the lock says of a wheel.
#[derive(Debug, Clone)]
pub struct Expected {
    /// In any spelling.
    pub name: String,
    /// In any spelling.
    pub version: String,
    /// For messages.
    pub file_name: String,
    /// Of the whole wheel. Unpacking does not check it (the bytes may still be arriving); times of files come from it.
    pub sha256: Sha256,
    /// The files digest of what was locked, for whose RECORD the lock vouches. Unpacking does not check it.
    pub files_digest: Option<Sha256>,
}

/// Modification time of all files of the artifact, in seconds since 1970: 2000-01-01 and the digest's first 28 bits.
///
/// With one time for all artifacts, a replaced source of the same size would run with its old byte code.
#[must_use]
pub fn mtime_of(sha256: Sha256) -> i64 {
    let [a, b, c, d, ..] = sha256.0;
    946_684_800 + i64::from(u32::from_be_bytes([a, b, c, d]) >> 4)
}

/// An entry to extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The archive's bytes that it needs.
    pub span: Range<u64>,
    /// Bytes unpacked.
    pub size: u64,
}

impl Planned {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { span: entry.span(), size: entry.size }
    }
}

/// What was found in an entry.
struct Found {
    content: Option<Content>,
    text: Vec<u8>,
}

/// A wheel that is being unpacked.
pub struct Unpacking {
    source: Arc<dyn ReadAt>,
    dest: PathBuf,
    expected: Expected,
    entries: Vec<Entry>,
    places: Places,
    found: Vec<OnceLock<Found>>,
    vouched: Vouched,
    set_mode: bool,
}

impl Unpacking {
    /// Reads the archive's directory, plans where everything goes, and creates `dest_tree`, which must not exist, with
    /// all its directories. On failure, now or later, the caller removes `dest_tree`.
    pub fn new(source: Arc<dyn ReadAt>, dest_tree: PathBuf, expected: Expected) -> Result<Self, UnpackError> {
        let of = |cause: Cause| cause.of(&expected.file_name);
        let entries = Archive::open(&*source).map_err(of)?.entries;
        let places = Places::new(&entries, &expected.name).map_err(|fault| of(fault.into()))?;
        let set_mode = make_dirs(&dest_tree, &places.dirs).map_err(|fault| of(fault.into()))?;
        let found = entries.iter().map(|_| OnceLock::new()).collect();
        Ok(Self {
            source,
            dest: dest_tree,
            expected,
            entries,
            places,
            found,
            vouched: Vouched::default(),
            set_mode,
        })
    }

    /// What to extract; positions are what [`Self::extract`] takes. Every one must be extracted once, in any order.
    #[must_use]
    pub fn planned(&self) -> impl ExactSizeIterator<Item = Planned> + '_ {
        self.entries.iter().map(Planned::of)
    }

    /// Whether no large entry is read more than once.
    pub(crate) fn is_read_once(&self) -> bool {
        let is_text = |place: &Place| matches!(place, Place::File(file) if file.text.is_some());
        let mut pairs = self.entries.iter().zip(&self.places.by_entry);
        pairs.all(|(entry, place)| !is_text(place) || inflate::is_small(entry))
    }

    /// What spares the hashing of all other entries if it is there before them.
    pub(crate) fn needed_first(&self) -> Vec<Range<u64>> {
        let is_vouched_for = self.expected.files_digest.is_some();
        let needed = is_vouched_for.then(|| vouched::needed(&self.entries, &self.places));
        needed.into_iter().flatten().map(Entry::span).collect()
    }

    /// Extracts one entry, as soon as the bytes of its span are there. Large ones are read forward in pieces, so a
    /// source that waits for bytes lets them start before.
    pub fn extract(&self, at: usize, task: &Task) -> Result<(), UnpackError> {
        let found = task.check().map_err(Cause::from).and_then(|()| self.extract_entry(at, task));
        // A second extraction can't get here: its file exists already.
        let _ = self.found[at].set(found.map_err(|cause| cause.of(&self.expected.file_name))?);
        Ok(())
    }

    fn extract_entry(&self, at: usize, task: &Task) -> Result<Found, Cause> {
        let (entry, source) = (&self.entries[at], &*self.source);
        match &self.places.by_entry[at] {
            Place::Nothing => {
                inflate::check(source, entry, task)?;
                Ok(Found { content: None, text: Vec::new() })
            }
            Place::Read => {
                Ok(Found { content: None, text: inflate::text(source, entry, LARGEST_TEXT, task)? })
            }
            Place::File(file) => {
                let path = self.dest.join(&file.path);
                if let Some(digest) = self.expected.files_digest {
                    self.vouched.look(digest, source, &self.entries, &self.places, task);
                }
                let known = self.vouched.get(entry);
                let content = inflate::extract(source, entry, self.target(file, &path), known, task)?;
                let text = match file.text {
                    Some(_) => inflate::text(source, entry, LARGEST_TEXT, task)?,
                    None => Vec::new(),
                };
                Ok(Found { content: Some(content), text })
            }
        }
    }

    fn target<'a>(&self, file: &FilePlace, path: &'a Path) -> Target<'a> {
        let mode = if file.executable { 0o555 } else { 0o444 };
        Target { path, mode, set_mode: self.set_mode, mtime: mtime_of(self.expected.sha256) }
    }

    /// Checks that the wheel is the expected one and gives its index.
    ///
    /// # Panics
    /// If an entry has not been extracted.
    pub fn finish(&self) -> Result<Index, UnpackError> {
        self.index().map_err(|fault| Cause::from(ArtifactFault::from(fault)).of(&self.expected.file_name))
    }

    fn index(&self) -> Result<Index, WheelFault> {
        let (name, version) = self.identity()?;
        let mut warnings: Vec<String> = self.wheel_format()?.into_iter().collect();
        let entry_points = self.entry_points()?;
        let file = format!("{}/RECORD", self.places.dist_info);
        let at = self.entries.iter().position(|entry| entry.name == file);
        let at = at.ok_or_else(|| WheelFault::Missing(file.clone()))?;
        let text = metadata::utf8(&self.found(at).text, &file)?;
        let rows = record::parse(text, &file)?;
        let facts = self.facts();
        let claims = Claims {
            rows: &rows,
            facts: &facts,
            mapper: &self.places.mapper,
            dist_info: &self.places.dist_info,
            entry_points: &entry_points,
        };
        let files_digest = claims.files_digest();
        warnings.extend(claims.lies());
        let (dist_info, dirs) = (self.places.dist_info.clone(), self.places.dirs.clone());
        Ok(Index {
            name,
            version,
            dist_info,
            dirs,
            files: self.files(),
            entry_points,
            files_digest,
            warnings,
            conda: None,
        })
    }

    fn found(&self, at: usize) -> &Found {
        self.found[at].get().expect("all planned entries are extracted before finishing")
    }

    fn text(&self, text: Text) -> Option<&[u8]> {
        let is_it = |place: &Place| matches!(place, Place::File(file) if file.text == Some(text));
        self.places.by_entry.iter().position(is_it).map(|at| self.found(at).text.as_slice())
    }

    /// Name and version in METADATA, which must be the expected ones.
    fn identity(&self) -> Result<(String, String), WheelFault> {
        let file = format!("{}/METADATA", self.places.dist_info);
        let Some(text) = self.text(Text::Metadata) else { return Err(WheelFault::Missing(file)) };
        let name = metadata::needed_header(text, "Name", &file)?;
        let version = metadata::needed_header(text, "Version", &file)?;
        let unexpected = |field, found: &str, expected: &str| {
            Err(WheelFault::NotExpected { field, found: found.to_owned(), expected: expected.to_owned() })
        };
        if normalize_name(&name) != normalize_name(&self.expected.name) {
            return unexpected("Name", &name, &self.expected.name);
        }
        if !same_version(&version, &self.expected.version) {
            return unexpected("Version", &version, &self.expected.version);
        }
        Ok((name, version))
    }

    /// A warning if the wheel is of a later minor version of the format.
    fn wheel_format(&self) -> Result<Option<String>, WheelFault> {
        let file = format!("{}/WHEEL", self.places.dist_info);
        let Some(text) = self.text(Text::Wheel) else { return Err(WheelFault::Missing(file)) };
        let version = metadata::needed_header(text, "Wheel-Version", &file)?;
        let newer = metadata::check_wheel_version(&version)?;
        Ok(newer.then(|| format!("its Wheel-Version {version} is newer than 1.0, which fastenv knows")))
    }

    fn entry_points(&self) -> Result<Vec<EntryPoint>, WheelFault> {
        let Some(text) = self.text(Text::EntryPoints) else { return Ok(Vec::new()) };
        let file = format!("{}/entry_points.txt", self.places.dist_info);
        entry_points::parse(metadata::utf8(text, &file)?)
    }

    fn facts(&self) -> HashMap<&str, Fact> {
        let facts = self.entries.iter().enumerate().filter_map(|(at, entry)| {
            let Content { sha256, head } = self.found(at).content?;
            Some((entry.name.as_str(), Fact { size: entry.size, sha256, hash_bang: head.starts_with(b"#!") }))
        });
        facts.collect()
    }

    /// Sorted by directory and name.
    fn files(&self) -> Vec<IndexFile> {
        let places = self.places.by_entry.iter().enumerate();
        let files = places.filter_map(|(at, place)| match (place, self.found(at).content) {
            (Place::File(place), Some(content)) => Some(self.file(place, self.entries[at].size, content)),
            _ => None,
        });
        let mut files: Vec<IndexFile> = files.collect();
        files.sort_unstable_by(|one, other| (one.dir, &one.name).cmp(&(other.dir, &other.name)));
        files
    }

    fn file(&self, place: &FilePlace, size: u64, content: Content) -> IndexFile {
        let dir = &self.places.dirs[place.dir as usize];
        IndexFile {
            dir: place.dir,
            name: place.path[dir.len() + 1..].to_owned(),
            size,
            sha256: content.sha256,
            executable: place.executable,
            shebang: place.script && content.head.starts_with(b"#!python"),
        }
    }
}

/// Creates the tree with its directories. Whether files need their modes set.
pub(super) fn make_dirs(dest: &Path, dirs: &[String]) -> fs::Result<bool> {
    let set_mode = make_root(dest)?;
    dirs.iter().try_for_each(|dir| fs::create_dir(&dest.join(dir)))?;
    Ok(set_mode)
}

/// Creates the tree's own folder. Whether files need their modes set: the umask (or a default ACL) takes from
/// directories what it would take from files.
pub(crate) fn make_root(dest: &Path) -> fs::Result<bool> {
    fs::create_dir(dest)?;
    let needed = 0o555;
    Ok(fs::metadata(dest)?.permissions().mode() & needed != needed)
}
