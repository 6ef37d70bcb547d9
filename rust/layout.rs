//! Which file of which artifact stands where in an environment. Pure: reads indexes, touches no file.

use std::collections::HashMap;

use crate::finish::{conda_settings, overlays};
use crate::lock::{Lock, Owner};
use crate::scheme::Scheme;
use crate::store::artifact::Artifact;
use crate::unpack::{EntryPoint, Index, IndexFile, Rewrite, SymbolicLink};
use crate::vacant::{Vacant, hollow};

/// Names in `bin` that are a venv's own.
const OWN_SCRIPTS: [&str; 5] = ["python", "python3", "activate", "activate.csh", "activate.fish"];

/// A file or symbolic link of an artifact: positions of the package in the lock, and of the file in its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Position of the unit ([`Lock::unit`]).
    pub package: u32,
    /// Position in the index's files; beyond them come its symbolic links.
    pub file: u32,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// A file, which is shared with the store.
    File(&'a IndexFile),
    /// A file that is written anew, since it has a placeholder for the prefix.
    Anew(&'a IndexFile, Rewrite),
    /// A symbolic link.
    Link(&'a SymbolicLink),
}

impl<'a> Item<'a> {
    /// The row of `index` at a position, as in [`Place::file`].
    #[must_use]
    pub fn of(index: &'a Index, at: u32) -> Self {
        let Some(conda) = index.conda.as_deref() else { return Self::File(&index.files[at as usize]) };
        let Some(file) = index.files.get(at as usize) else {
            return Self::Link(&conda.links[at as usize - index.files.len()]);
        };
        match conda.rewrites.binary_search_by_key(&at, |rewrite| rewrite.file) {
            Ok(rewrite) => Self::Anew(file, conda.rewrites[rewrite]),
            Err(_) => Self::File(file),
        }
    }

    /// Position of its directory in [`Index::dirs`].
    #[must_use]
    pub fn dir(&self) -> u32 {
        match self {
            Self::File(file) | Self::Anew(file, _) => file.dir,
            Self::Link(link) => link.dir,
        }
    }

    /// Last component.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::File(file) | Self::Anew(file, _) => &file.name,
            Self::Link(link) => &link.name,
        }
    }

    /// Whether both are the same, wherever they come from.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => one.sha256 == other.sha256,
            (Self::Link(one), Self::Link(other)) => one.target == other.target,
            _ => false,
        }
    }
}

/// A directory and what it gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dir {
    /// Relative to the prefix; that of the prefix itself is empty.
    pub path: String,
    /// Positions in [`Layout::dirs`] of the directories in it.
    pub children: Vec<u32>,
    /// To be linked, from whichever artifacts.
    pub files: Vec<Place>,
    /// Files to be written anew, with another prefix.
    pub anew: Vec<Place>,
    /// Symbolic links to be made.
    pub links: Vec<Place>,
}

/// A script to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Position of the unit ([`Lock::unit`]).
    pub package: usize,
    /// What it calls.
    pub entry_point: EntryPoint,
}

/// The whole tree, but for what [`crate::finish`] writes anew.
#[derive(Debug, Default)]
pub struct Layout {
    /// Parents before children; the first is the prefix itself.
    pub dirs: Vec<Dir>,
    /// To be written with another first line.
    pub rewritten: Vec<Place>,
    /// To be generated.
    pub scripts: Vec<Script>,
    /// Not generated, since another package has their path: a RECORD still claims them.
    pub lost_scripts: Vec<Script>,
    /// Files that lost their path to another package's file, which stands there instead.
    pub lost: HashMap<Place, Winner>,
    /// Claims that the lock does not decide, and claims on fastenv's own files.
    pub warnings: Vec<(String, String)>,
}

/// Who has a contested path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Winner {
    /// A file of an artifact.
    File(Place),
    /// The generated script at this position in [`Layout::scripts`].
    Script(usize),
    /// The environment itself.
    Own,
    /// Nobody: the lock gives the path to a package that has no such file, since that took it away from the others.
    Nobody,
}

/// Two artifacts that can't stand in one tree.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file where another package has a directory.
    #[error("{path} is a file of {file_of} and a directory of {dir_of}")]
    FileIsDirectory {
        /// Install path.
        path: String,
        /// Package.
        file_of: String,
        /// Package.
        dir_of: String,
    },
    /// A path that fastenv keeps for itself.
    #[error("{package} has a file at {path}, which fastenv keeps for itself")]
    Reserved {
        /// Package.
        package: String,
        /// Relative to the prefix.
        path: String,
    },
}

/// The row of a file in its artifact's index.
#[must_use]
pub fn file_of(artifacts: &[Artifact], place: Place) -> &IndexFile {
    &artifacts[place.package as usize].index.files[place.file as usize]
}

/// What stands at a place.
#[must_use]
pub fn item_of(artifacts: &[Artifact], place: Place) -> Item<'_> {
    Item::of(&artifacts[place.package as usize].index, place.file)
}

/// Composes the tree of `lock` from its artifacts, which stand in the order of its units.
pub fn compose(lock: &Lock, artifacts: &[Artifact], scheme: &Scheme) -> Result<Layout, LayoutError> {
    let winners = lock.contested.iter().map(|row| (row.path.as_str(), lock.position(row.winner))).collect();
    let mut composer = Composer {
        lock,
        artifacts,
        vacant: Vacant::of(&winners, artifacts, scheme),
        winners,
        scheme,
        layout: Layout::default(),
        ids: HashMap::new(),
        claims: Vec::new(),
    };
    composer.gather()?;
    composer.settle_files()?;
    composer.settle_scripts();
    let Composer { mut layout, claims, .. } = composer;
    for (dir, claim) in layout.dirs.iter_mut().zip(claims) {
        dir.take(claim.files, artifacts, lock.packages.len());
    }
    Ok(layout)
}

#[allow(clippy::cast_possible_truncation)] // an index has fewer than 2^32 rows, as its file format says
fn position(at: usize) -> u32 {
    at as u32
}

/// Who claims something in one directory.
#[derive(Default)]
struct Claim {
    packages: Vec<u32>,
    files: Vec<Place>,
}

impl Dir {
    /// Takes what stands in it. The first `wheels` of the artifacts have nothing but files.
    fn take(&mut self, places: Vec<Place>, artifacts: &[Artifact], wheels: usize) {
        if places.iter().all(|place| (place.package as usize) < wheels) {
            self.files = places;
            return;
        }
        for place in places {
            match item_of(artifacts, place) {
                Item::File(_) => self.files.push(place),
                Item::Anew(..) => self.anew.push(place),
                Item::Link(_) => self.links.push(place),
            }
        }
    }
}

struct Composer<'a> {
    lock: &'a Lock,
    artifacts: &'a [Artifact],
    winners: HashMap<&'a str, usize>,
    vacant: Vacant,
    scheme: &'a Scheme,
    layout: Layout,
    ids: HashMap<String, u32>,
    claims: Vec<Claim>,
}

impl Composer<'_> {
    fn gather(&mut self) -> Result<(), LayoutError> {
        self.dir("");
        self.dir("bin");
        if !self.scheme.is_empty() {
            self.dir(&self.scheme.site);
        }
        for package in 0..self.artifacts.len() {
            self.gather_package(package)?;
        }
        Ok(())
    }

    fn gather_package(&mut self, package: usize) -> Result<(), LayoutError> {
        let artifacts = self.artifacts;
        let index = &artifacts[package].index;
        let links = index.conda.as_ref().map_or(0, |conda| conda.links.len());
        let places: Vec<Place> = (0..index.files.len() + links)
            .map(|at| Place { package: position(package), file: position(at) })
            .collect();
        let absent = self.vacant.among(&places, index, self.scheme);
        let hollow = hollow(index, &places, &absent);
        let mut dirs = Vec::with_capacity(index.dirs.len());
        for (at, dir) in index.dirs.iter().enumerate() {
            dirs.push(if hollow.contains(&position(at)) { 0 } else { self.dir(&self.scheme.directory(dir)) });
        }
        for &dir in &dirs {
            // Twice if two of its install paths lead there: then its own files may be rivals.
            self.claims[dir as usize].packages.push(position(package));
        }
        for place in places {
            if absent.contains(&place) {
                self.layout.lost.insert(place, Winner::Nobody);
            } else {
                let item = item_of(artifacts, place);
                self.gather_item(place, dirs[item.dir() as usize], item.name())?;
            }
        }
        Ok(())
    }

    fn gather_item(&mut self, place: Place, dir: u32, name: &str) -> Result<(), LayoutError> {
        if self.is_reserved(dir, name) {
            return Err(self.reserved(place));
        }
        let at = &self.layout.dirs[dir as usize].path;
        if self.is_own(at, name) {
            let message = format!("its {at}/{name} gives way to the environment's own");
            self.layout.lost.insert(place, Winner::Own);
            self.warn(place.package as usize, message);
        } else {
            self.claims[dir as usize].files.push(place);
        }
        Ok(())
    }

    /// Whether the environment has a file of its own there: a venv in `bin`, or one of conda's settings.
    fn is_own(&self, at: &str, name: &str) -> bool {
        match at {
            "bin" => self.lock.is_venv() && (OWN_SCRIPTS.contains(&name) || name == self.scheme.python),
            "conda-meta" => conda_settings::has(&self.lock.settings, name),
            _ => false,
        }
    }

    /// The position of a directory, entered with its parents.
    fn dir(&mut self, path: &str) -> u32 {
        if let Some(&id) = self.ids.get(path) {
            return id;
        }
        let parent =
            (!path.is_empty()).then(|| self.dir(path.rsplit_once('/').map_or("", |(parent, _)| parent)));
        let id = position(self.layout.dirs.len());
        if let Some(parent) = parent {
            self.layout.dirs[parent as usize].children.push(id);
        }
        self.layout.dirs.push(Dir { path: path.to_owned(), ..Dir::default() });
        self.ids.insert(path.to_owned(), id);
        self.claims.push(Claim::default());
        id
    }

    fn is_reserved(&self, dir: u32, name: &str) -> bool {
        let dir = &self.layout.dirs[dir as usize].path;
        let top = dir.split('/').next().filter(|top| !top.is_empty()).unwrap_or(name);
        let is_json = || name.strip_suffix(".json").is_some() || name == "history";
        let is_record = dir == "conda-meta" && is_json();
        let is_venvs = top == "lib64" || (dir.is_empty() && name == "pyvenv.cfg");
        let is_line = dir == &self.scheme.site && name == overlays::PTH && overlays::has_line(self.lock);
        top == ".fastenv"
            || is_line
            || (is_venvs && self.lock.is_venv())
            || (is_record && !self.lock.conda.is_empty())
    }

    fn reserved(&self, place: Place) -> LayoutError {
        let (package, path) = (self.name(place.package as usize), self.path(place));
        LayoutError::Reserved { package, path }
    }

    fn settle_files(&mut self) -> Result<(), LayoutError> {
        for dir in 0..self.claims.len() {
            if self.claims[dir].packages.len() < 2 {
                continue;
            }
            let mut files = std::mem::take(&mut self.claims[dir].files);
            let artifacts = self.artifacts;
            let name = |place: &Place| item_of(artifacts, *place).name();
            files.sort_by(|one, other| name(one).cmp(name(other)).then(one.cmp(other)));
            let mut kept = Vec::with_capacity(files.len());
            for rivals in files.chunk_by(|one, other| name(one) == name(other)) {
                self.check_no_directory(dir, rivals[0])?;
                kept.push(self.settle(rivals));
            }
            self.claims[dir].files = kept;
        }
        Ok(())
    }

    fn check_no_directory(&self, dir: usize, place: Place) -> Result<(), LayoutError> {
        let name = item_of(self.artifacts, place).name();
        let parent = &self.layout.dirs[dir].path;
        let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        let Some(&clash) = self.ids.get(&path) else { return Ok(()) };
        let other = self.claims[clash as usize].packages.first().copied().unwrap_or(place.package);
        Err(LayoutError::FileIsDirectory {
            path: self.path(place),
            file_of: self.name(place.package as usize),
            dir_of: self.name(other as usize),
        })
    }

    /// One file of several that claim one path; the others are noted as lost.
    fn settle(&mut self, rivals: &[Place]) -> Place {
        let [first, .., last] = rivals else { return rivals[0] };
        let path = self.path(*first);
        let decided = self.winners.get(path.as_str());
        let named = decided.and_then(|&at| rivals.iter().find(|rival| rival.package as usize == at));
        let item = |place: &Place| item_of(self.artifacts, *place);
        let unowned = rivals.iter().find(|rival| matches!(self.owner(**rival), Owner::Overlay(_)));
        let winner = match named.or(unowned) {
            Some(certain) => *certain,
            None if rivals.iter().all(|rival| item(rival).is_same(&item(first))) => *first,
            None => {
                // What was installed last: wheels after conda packages, and either by their names.
                let is_wheel = |place: &&Place| matches!(self.owner(**place), Owner::Wheel(_));
                let winner = *rivals.iter().rev().find(is_wheel).unwrap_or(last);
                let loser = if winner == *first { last } else { first };
                let (one, other) = (self.name(loser.package as usize), self.name(winner.package as usize));
                self.warn(winner.package as usize, format!("{path} is also in {one}; {other}'s is used"));
                winner
            }
        };
        for rival in rivals.iter().filter(|rival| **rival != winner) {
            self.layout.lost.insert(*rival, Winner::File(winner));
        }
        winner
    }

    fn owner(&self, place: Place) -> Owner {
        self.lock.owner(place.package as usize)
    }

    /// Generated scripts against each other and against files in `bin`.
    fn settle_scripts(&mut self) {
        let mut takers: HashMap<String, (usize, Winner)> = HashMap::new();
        let bin = self.ids["bin"] as usize;
        for place in &self.claims[bin].files {
            let name = item_of(self.artifacts, *place).name().to_owned();
            takers.insert(name, (place.package as usize, Winner::File(*place)));
        }
        // In the order in which they were installed: wheels after conda packages.
        let wheels = self.lock.packages.len();
        for package in (wheels..self.artifacts.len()).chain(0..wheels) {
            for point in self.artifacts[package].index.entry_points.clone() {
                self.enter_script(&mut takers, package, point);
            }
        }
        let in_bin = std::mem::take(&mut self.claims[bin].files);
        let kept = in_bin.into_iter().filter(|place| !self.layout.lost.contains_key(place));
        (self.layout.rewritten, self.claims[bin].files) = kept
            .partition(|place| matches!(item_of(self.artifacts, *place), Item::File(file) if file.shebang));
    }

    fn enter_script(
        &mut self,
        takers: &mut HashMap<String, (usize, Winner)>,
        package: usize,
        entry_point: EntryPoint,
    ) {
        let name = entry_point.name.clone();
        if self.is_own("bin", &name) {
            return self.warn(package, format!("its script {name} gives way to the environment's own"));
        }
        let script = Script { package, entry_point };
        let Some((other, held)) = takers.get(&name).cloned() else {
            takers.insert(name, (package, Winner::Script(self.layout.scripts.len())));
            return self.layout.scripts.push(script);
        };
        let path = format!("prefix/bin/{name}");
        let decided = self.winners.get(path.as_str()).copied();
        if decided == Some(other) && decided != Some(package) {
            return self.layout.lost_scripts.push(script);
        }
        if decided.is_none() && other != package {
            let message = format!("script {name} is also in {}; this one is used", self.name(other));
            self.warn(package, message);
        }
        match held {
            Winner::Script(at) => {
                takers.insert(name, (package, held));
                let beaten = std::mem::replace(&mut self.layout.scripts[at], script);
                if beaten.package != package {
                    self.layout.lost_scripts.push(beaten);
                }
            }
            Winner::File(place) => {
                let at = self.layout.scripts.len();
                self.layout.lost.insert(place, Winner::Script(at));
                takers.insert(name, (package, Winner::Script(at)));
                self.layout.scripts.push(script);
            }
            Winner::Own | Winner::Nobody => {}
        }
    }

    fn path(&self, place: Place) -> String {
        let index = &self.artifacts[place.package as usize].index;
        self.scheme.install_path(index, Item::of(index, place.file))
    }

    fn name(&self, package: usize) -> String {
        self.lock.unit(package).name.to_owned()
    }

    fn warn(&mut self, package: usize, message: String) {
        let name = self.name(package);
        self.layout.warnings.push((name, message));
    }
}
