//! Builds a whole tree in staging from artifacts of the store, as [`crate::layout`] says.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;

use rayon::Scope;
use rayon::prelude::*;

use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::finish::record::{self, Row};
use crate::finish::{Generated, generate, scripts, venv};
use crate::fs;
use crate::interpreter::Interpreter;
use crate::layout::{Layout, Place, Winner, file_of};
use crate::link::Linker;
use crate::link::early::Early;
use crate::lock::Lock;
use crate::prefix::manifest::Manifest;
use crate::prefix::own_folder;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::timeline::Deed;

/// All that a tree is made from.
#[derive(Clone, Copy)]
pub struct Recipe<'a> {
    /// What was locked.
    pub lock: &'a Lock,
    /// One a package of the lock, in its order.
    pub artifacts: &'a [Artifact],
    /// Which file stands where.
    pub layout: &'a Layout,
    /// Of the node.
    pub interpreter: &'a Interpreter,
    /// `python3.11`.
    pub python: &'a str,
    /// Where the tree is built.
    pub staging: &'a Path,
    /// Where it will stand: texts name this path.
    pub prefix: &'a Path,
    /// What stands there already.
    pub early: Option<&'a Early<'a>>,
}

impl Recipe<'_> {
    /// Builds the tree on the calling rayon pool: all but the state, which is written last.
    pub fn build(&self, linker: &Linker, task: &Task) -> Result<Manifest> {
        self.plant(linker, task)?;
        let _span = task.span(Deed::Stage("finish"), "");
        let (mut generated, links) = venv::write(self.staging, self.prefix, self.interpreter, self.python)?;
        let own_scripts = self.write_scripts()?;
        let records = self.write_records(&own_scripts, task)?;
        generated.extend(own_scripts.into_iter().map(|(_, file)| file));
        generated.extend(records);
        generated.sort_by(|one, other| one.path.cmp(&other.path));
        let manifest = Manifest { artifacts: self.artifact_rows(), generated, links, lost: self.lost_rows() };
        self.write_own(&manifest)?;
        Ok(manifest)
    }

    /// site-packages below the prefix.
    fn site(&self) -> String {
        format!("lib/{}/site-packages", self.python)
    }

    /// Makes the directories and links their files, a task a directory. A directory is changed by its own task alone,
    /// which also makes the directories in it, so that no two threads wait for one directory.
    fn plant(&self, linker: &Linker, task: &Task) -> Result<()> {
        let planting = Planting { recipe: self, linker, task, failure: OnceLock::new() };
        rayon::scope(|scope| planting.fill(scope, 0));
        if let Some(fault) = planting.failure.into_inner() {
            return Err(fault);
        }
        // Made now, so that an import by root does not move the folder's time; a wheel may have brought it.
        let cache = self.staging.join(self.site()).join("__pycache__");
        if fs::exists(&cache) { Ok(()) } else { Ok(fs::create_dir(&cache)?) }
    }

    /// Entry points and `#!python` files, each with its position in the layout.
    fn write_scripts(&self) -> Result<Vec<(ScriptKey, Generated)>> {
        let python = self.prefix.join("bin/python");
        let mut written = Vec::new();
        for (at, script) in self.layout.scripts.iter().enumerate() {
            let path = format!("bin/{}", script.entry_point.name);
            let text = scripts::entry_point(&script.entry_point, &python);
            let package = &self.lock.packages[script.package].name;
            let file = generate(self.staging, path, package, text.as_bytes(), true)?;
            written.push((ScriptKey::EntryPoint(at), file));
        }
        for &place in &self.layout.rewritten {
            let artifact = &self.artifacts[place.package as usize];
            let file = file_of(self.artifacts, place);
            let content = scripts::rewrite(&fs::read(&artifact.file(file))?, &python);
            let package = &self.lock.packages[place.package as usize].name;
            let path = format!("bin/{}", file.name);
            written
                .push((ScriptKey::Rewritten(place), generate(self.staging, path, package, &content, true)?));
        }
        Ok(written)
    }

    fn write_records(&self, scripts: &[(ScriptKey, Generated)], task: &Task) -> Result<Vec<Generated>> {
        let by_key: HashMap<ScriptKey, &Generated> = scripts.iter().map(|(key, file)| (*key, file)).collect();
        let written: Vec<Vec<Generated>> = (0..self.artifacts.len())
            .into_par_iter()
            .map(|package| {
                task.check()?;
                self.write_record(package, &by_key)
            })
            .collect::<Result<_>>()?;
        Ok(written.into_iter().flatten().collect())
    }

    /// RECORD, INSTALLER, REQUESTED and `direct_url.json` of one package.
    fn write_record(
        &self,
        package: usize,
        scripts: &HashMap<ScriptKey, &Generated>,
    ) -> Result<Vec<Generated>> {
        let (locked, artifact) = (&self.lock.packages[package], &self.artifacts[package]);
        let dist_info = format!("{}/{}", self.site(), artifact.index.dist_info);
        let own = |name: &str, content: &[u8]| {
            generate(self.staging, format!("{dist_info}/{name}"), &locked.name, content, false)
        };
        let mut companions = vec![own("INSTALLER", b"fastenv\n")?];
        if locked.requested {
            companions.push(own("REQUESTED", b"")?);
        }
        if let Some(text) = &locked.direct_url {
            companions.push(own("direct_url.json", text.as_bytes())?);
        }
        let mut rows = self.rows(package, scripts)?;
        rows.extend(companions.iter().map(|file| self.row(file)));
        let text = record::text(rows, &format!("{}/RECORD", artifact.index.dist_info));
        companions.push(own("RECORD", text.as_bytes())?);
        Ok(companions)
    }

    fn row(&self, file: &Generated) -> Row {
        Row { path: record::relative(&file.path, &self.site()), sha256: file.sha256, size: file.size }
    }

    fn rows(&self, package: usize, made: &HashMap<ScriptKey, &Generated>) -> Result<Vec<Row>> {
        let site = self.site();
        let index = &self.artifacts[package].index;
        let dirs: Vec<String> = index
            .dirs
            .iter()
            .map(|dir| crate::layout::directory(dir, self.python))
            .map(|dir| if dir.is_empty() { dir } else { dir + "/" })
            .map(|dir| record::relative(&dir, &site))
            .collect();
        let mut rows: Vec<Row> = Vec::with_capacity(index.files.len() + 8);
        for (at, file) in index.files.iter().enumerate() {
            #[allow(clippy::cast_possible_truncation)] // an index has fewer than 2^32 rows
            let place = Place { package: package as u32, file: at as u32 };
            let path = format!("{}{}", dirs[file.dir as usize], file.name);
            if let Some((sha256, size)) = self.claimed(place, made)? {
                rows.push(Row { path, sha256, size });
            }
        }
        let own = self.layout.scripts.iter().enumerate().filter(|(_, script)| script.package == package);
        rows.extend(own.map(|(at, _)| self.row(made[&ScriptKey::EntryPoint(at)])));
        rows.extend(self.layout.lost_scripts.iter().filter(|lost| lost.package == package).map(|lost| {
            let text = scripts::entry_point(&lost.entry_point, &self.prefix.join("bin/python"));
            let path = record::relative(&format!("bin/{}", lost.entry_point.name), &site);
            Row { path, sha256: Sha256::of(text.as_bytes()), size: text.len() as u64 }
        }));
        Ok(rows)
    }

    /// Digest and size for a row of RECORD; `None` for what is the environment's own. A file that lost its path
    /// keeps its claim, as with other installers: a scan tells by the claims that the path is contested, and by
    /// the bytes whose it is.
    fn claimed(&self, place: Place, made: &HashMap<ScriptKey, &Generated>) -> Result<Option<(Sha256, u64)>> {
        if self.layout.lost.get(&place) == Some(&Winner::Own) {
            return Ok(None);
        }
        if let Some(script) = made.get(&ScriptKey::Rewritten(place)) {
            return Ok(Some((script.sha256, script.size)));
        }
        let file = file_of(self.artifacts, place);
        if file.shebang && self.layout.lost.contains_key(&place) {
            let path = self.artifacts[place.package as usize].file(file);
            let content = scripts::rewrite(&fs::read(&path)?, &self.prefix.join("bin/python"));
            return Ok(Some((Sha256::of(&content), content.len() as u64)));
        }
        Ok(Some((file.sha256, file.size)))
    }

    fn artifact_rows(&self) -> Vec<(Sha256, String)> {
        let names = self.lock.packages.iter().map(|package| package.name.clone());
        self.artifacts.iter().map(|artifact| artifact.sha256).zip(names).collect()
    }

    fn lost_rows(&self) -> Vec<(Sha256, String)> {
        let mut rows: Vec<_> = self
            .layout
            .lost
            .keys()
            .map(|place| {
                let artifact = &self.artifacts[place.package as usize];
                (artifact.sha256, artifact.index.path(file_of(self.artifacts, *place)))
            })
            .collect();
        rows.sort_unstable();
        rows
    }

    /// `.fastenv/`: lock, manifest, and the artifacts' indexes, so that verifying needs no store.
    fn write_own(&self, manifest: &Manifest) -> Result<()> {
        let own = own_folder(self.staging);
        manifest.write(self.staging)?;
        fs::write_new(&own.join("lock.toml"), self.lock.text.as_bytes(), 0o644)?;
        fs::write_new(&own.join("use"), b"", 0o666)?;
        fs::create_dir(&own.join("index"))?;
        let linker = Linker::new(crate::link::LinkMode::Auto);
        for artifact in self.artifacts {
            let to = own.join("index").join(artifact.sha256.to_string());
            linker.place(&artifact.index_path(), &to, false, crate::unpack::mtime_of(artifact.sha256))?;
        }
        Ok(())
    }
}

/// One run of [`Recipe::plant`].
struct Planting<'a> {
    recipe: &'a Recipe<'a>,
    linker: &'a Linker,
    task: &'a Task,
    /// The first; the others are its company.
    failure: OnceLock<Error>,
}

impl Planting<'_> {
    fn fill<'s>(&'s self, scope: &Scope<'s>, at: u32) {
        if self.failure.get().is_none()
            && let Err(fault) = self.try_fill(scope, at)
        {
            let _ = self.failure.set(fault);
        }
    }

    fn try_fill<'s>(&'s self, scope: &Scope<'s>, at: u32) -> Result<()> {
        self.task.check()?;
        let span = self.task.span(Deed::Link, "");
        let Recipe { layout, staging, early, .. } = self.recipe;
        let dir = &layout.dirs[at as usize];
        for &child in &dir.children {
            let path = &layout.dirs[child as usize].path;
            if !early.is_some_and(|early| early.has_made(path)) {
                fs::create_dir(&staging.join(path))?;
            }
            scope.spawn(move |scope| self.fill(scope, child));
        }
        let folder = staging.join(&dir.path);
        let files = early.map_or_else(|| Cow::from(&dir.files), |early| early.unplaced(&dir.files).into());
        files.iter().try_for_each(|place| self.link(*place, &folder))?;
        span.end_shared(files.iter().map(|place| place.package));
        Ok(())
    }

    fn link(&self, place: Place, folder: &Path) -> Result<()> {
        let artifact = &self.recipe.artifacts[place.package as usize];
        let file = file_of(self.recipe.artifacts, place);
        let to = folder.join(&file.name);
        let place = || self.linker.place(&artifact.file(file), &to, file.executable, artifact.mtime());
        match place() {
            // Another package's, which was there earlier but does not have the path.
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists && self.recipe.early.is_some() => {
                fs::remove_file(&to)?;
                Ok(place()?)
            }
            done => Ok(done?),
        }
    }
}

/// Which script of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ScriptKey {
    EntryPoint(usize),
    Rewritten(Place),
}
