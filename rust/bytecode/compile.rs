//! Makes byte code of artifacts, on all processors, and publishes it an artifact at a time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bytecode::{Flavour, sources};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::fs;
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::store::run::Run;
use crate::surroundings::without_credentials;
use crate::task::Task;
use crate::unpack::{Index, IndexFile};

const SCRIPT: &str = include_str!("compile.py");

/// How to make byte code.
pub struct Compiling<'a> {
    /// Where it goes.
    pub store: &'a Store,
    /// Where it is made.
    pub run: &'a Run,
    /// What makes it.
    pub interpreter: &'a Path,
    /// What it is.
    pub flavour: &'a Flavour,
    /// Interpreters at once.
    pub workers: usize,
    /// Only while the processors have nothing else to do.
    pub idle: bool,
}

/// One artifact whose byte code is being made.
struct Job<'a> {
    artifact: &'a Artifact,
    /// `<run>/<key>`.
    made: PathBuf,
    dirs: Vec<String>,
    done: Mutex<Vec<IndexFile>>,
    left: AtomicUsize,
}

/// One file to make: positions of its job and of its directory there, source, and name.
struct Piece<'a> {
    job: usize,
    dir: u32,
    source: &'a IndexFile,
    name: String,
}

impl Compiling<'_> {
    /// Makes the byte code of these artifacts and publishes it. Sources that are no Python of this version have none.
    pub fn run(&self, artifacts: &[Artifact], task: &Task) -> Result<()> {
        let mut jobs = Vec::with_capacity(artifacts.len());
        let mut pieces = Vec::new();
        for (at, artifact) in artifacts.iter().enumerate() {
            let (job, own) = self.plan(at, artifact)?;
            if own.is_empty() {
                self.publish(&job)?;
            }
            jobs.push(job);
            pieces.extend(own);
        }
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            let mut worker = None;
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                task.check()?;
                self.make(&jobs[piece.job], piece, &mut worker)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.workers.clamp(1, pieces.len().max(1))).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                // The first that fails ends the others.
                ended.inspect_err(|_| next.store(pieces.len(), Ordering::Relaxed))
            })
        })
    }

    fn plan<'a>(&self, at: usize, artifact: &'a Artifact) -> Result<(Job<'a>, Vec<Piece<'a>>)> {
        let made = self.run.folder().join(self.flavour.key(artifact.sha256));
        fs::create_dir_all(&made.join("tree"))?;
        let mut dirs: Vec<String> = Vec::new();
        let mut pieces = Vec::new();
        for (source, name) in sources(&artifact.index, self.flavour) {
            // Files are sorted by directory.
            let dir = format!("{}/__pycache__", artifact.index.dirs[source.dir as usize]);
            if dirs.last() != Some(&dir) {
                fs::create_dir_all(&made.join("tree").join(&dir))?;
                dirs.push(dir);
            }
            #[allow(clippy::cast_possible_truncation)] // as many as the artifact's, whose count is a u32
            pieces.push(Piece { job: at, dir: dirs.len() as u32 - 1, source, name });
        }
        let left = AtomicUsize::new(pieces.len());
        Ok((Job { artifact, made, dirs, done: Mutex::default(), left }, pieces))
    }

    fn make(&self, job: &Job, piece: &Piece, worker: &mut Option<Worker>) -> Result<()> {
        let source = job.artifact.file(piece.source);
        let target = job.made.join("tree").join(&job.dirs[piece.dir as usize]).join(&piece.name);
        // As a traceback shows it before the import system puts the real place in.
        let shown = job.artifact.index.path(piece.source);
        let mut asked = match worker.take() {
            Some(worker) => worker,
            None => Worker::start(self.interpreter, self.idle)?,
        };
        // An interpreter that died of a source is replaced, and the source has no byte code.
        let made = asked.ask(&source, &target, shown.strip_prefix("site/").unwrap_or(&shown));
        if let Some(made) = made {
            *worker = Some(asked);
            if made {
                let content = fs::read(&target)?;
                let (sha256, size) = (Sha256::of(&content), content.len() as u64);
                let (dir, name) = (piece.dir, piece.name.clone());
                let file = IndexFile { dir, name, size, sha256, executable: false, shebang: false };
                job.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(file);
            }
        } else if fs::exists(&target) {
            fs::remove_file(&target)?;
        }
        if job.left.fetch_sub(1, Ordering::AcqRel) == 1 { self.publish(job) } else { Ok(()) }
    }

    fn publish(&self, job: &Job) -> Result<()> {
        let mut files =
            std::mem::take(&mut *job.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        files.sort_unstable_by(|one, other| (one.dir, &one.name).cmp(&(other.dir, &other.name)));
        let source = &job.artifact.index;
        let index = Index {
            name: source.name.clone(),
            version: source.version.clone(),
            dist_info: String::new(),
            dirs: job.dirs.clone(),
            files,
            entry_points: Vec::new(),
            files_digest: Sha256::of(b""),
            warnings: Vec::new(),
            conda: None,
        };
        let sha256 = job.artifact.sha256;
        let folder = self.store.folder("bytecode").join(self.flavour.key(sha256));
        Artifact::publish(&job.made, &folder, sha256, index)?;
        Ok(())
    }
}

/// An interpreter that makes one file after the other.
struct Worker {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(interpreter: &Path, idle: bool) -> Result<Self> {
        let mut command = Command::new(interpreter);
        command.args(["-I", "-S", "-B", "-c", SCRIPT]).args(idle.then_some("--idle"));
        command.env_remove("PYTHONHOME").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let fault = |source| fs::FsError { action: "run", path: interpreter.to_owned(), source };
        let mut process = without_credentials(&mut command).spawn().map_err(fault)?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::Threads("a process has no pipes".to_owned()));
        };
        Ok(Self { process, questions, answers: BufReader::new(answers) })
    }

    /// Whether byte code was made; `None` if the interpreter died.
    fn ask(&mut self, source: &Path, target: &Path, name: &str) -> Option<bool> {
        let question = format!("{}\t{}\t{name}", source.display(), target.display());
        if question.contains('\n') || question.matches('\t').count() != 2 {
            return Some(false);
        }
        self.questions.write_all(format!("{question}\n").as_bytes()).ok()?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer) {
            Ok(1..) => Some(answer.trim_end() == "1"),
            _ => None,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has nothing to lose: what it was writing is in the run's folder.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
