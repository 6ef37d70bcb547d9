//! The stages of the core, one by one, on a made-up environment of the size of a real one: `cargo bench --bench stages`.

use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use fastenv::conda::bzip2::Reader;
use fastenv::digest::Sha256;
use fastenv::finish::record;
use fastenv::layout;
use fastenv::link::{LinkMode, Linker};
use fastenv::lock::Lock;
use fastenv::scheme::Scheme;
use fastenv::store::artifact::Artifact;
use fastenv::store::index_file::{self, Stamped};
use fastenv::task::Task;
use fastenv::unpack::deflate::{Inflater, Status};
use fastenv::unpack::{self, Expected, Index, IndexFile, ReadAt};

#[allow(dead_code)]
#[path = "../tests/rust/lock_text.rs"]
mod lock_text;
#[allow(dead_code)]
#[path = "../tests/rust/zip_writer.rs"]
mod zip_writer;

use zip_writer::{Part, wheel};

const PACKAGES: usize = 183;
const FILES: usize = 155;
/// Bytes of a stream that arrive at once.
const PIECE: usize = 256 << 10;

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    hash(&mut criterion);
    unpack(&mut criterion);
    inflate(&mut criterion);
    bunzip2(&mut criterion);
    decode(&mut criterion);
    parse(&mut criterion);
    compose(&mut criterion);
    record_text(&mut criterion);
    link(&mut criterion);
    criterion.final_summary();
}

/// An artifact in memory.
struct Memory(Vec<u8>);

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).expect("a small file");
        buffer.copy_from_slice(&self.0[start..start + buffer.len()]);
        Ok(())
    }
}

/// Text that packs about as well as source code does: to a quarter.
fn source(len: usize, seed: u32) -> Vec<u8> {
    let words = ["self", "return", "def ", "    ", "value", "import", "\n", "(", ")", ".", "= ", "None"];
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut text = Vec::with_capacity(len + 8);
    while text.len() < len {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        text.extend_from_slice(words[state as usize % words.len()].as_bytes());
    }
    text.truncate(len);
    text
}

/// Some hundred modules, and a library of 16 MB.
fn archive() -> (Vec<u8>, u64) {
    let mut parts: Vec<Part> =
        (0..400).map(|at| Part::deflated(&format!("pkg/m{at}.py"), &source(8 << 10, at))).collect();
    parts.push(Part::deflated("pkg/lib.so", &source(16 << 20, 7)));
    (wheel(parts).bytes(), 400 * (8 << 10) + (16 << 20))
}

fn index(package: usize) -> Index {
    let dirs: Vec<String> = (0..12).map(|at| format!("site/pkg{package}/d{at}")).collect();
    let file = |at: usize| IndexFile {
        dir: u32::try_from(at % dirs.len()).expect("few"),
        name: format!("module_{at}.py"),
        size: 4000 + at as u64,
        sha256: Sha256::of(format!("{package} {at}").as_bytes()),
        executable: false,
        shebang: false,
    };
    Index {
        name: format!("pkg{package}"),
        version: "1.0".into(),
        dist_info: format!("pkg{package}-1.0.dist-info"),
        files: (0..FILES).map(file).collect(),
        dirs,
        entry_points: Vec::new(),
        files_digest: Sha256::of(b""),
        warnings: Vec::new(),
        conda: None,
    }
}

fn lock_of_all() -> String {
    let rows: Vec<_> = (0..PACKAGES).map(|at| lock_text::row(&format!("pkg{at}"))).collect();
    lock_text::good(&rows, &[])
}

fn parsed(text: String) -> Lock {
    Lock::parse(text, PathBuf::new(), "the lock").expect("a good lock")
}

fn hash(criterion: &mut Criterion) {
    let bytes = source(16 << 20, 1);
    let mut group = criterion.benchmark_group("sha256");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("16 MB", |bench| bench.iter(|| Sha256::of(black_box(&bytes))));
}

/// Inflating, hashing and writing, as a whole.
fn unpack(criterion: &mut Criterion) {
    let (bytes, unpacked) = archive();
    let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
    let mut group = criterion.benchmark_group("unpack a wheel");
    group.throughput(Throughput::Bytes(unpacked));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let folder = || tempfile::tempdir().expect("a temporary folder");
        // The folder is returned, so that its removal is not in the figure.
        let once = |dir: tempfile::TempDir| {
            let index =
                unpack::unpack(source.clone(), dir.path().join("tree"), expected(), &pool, &Task::default());
            (dir, index.expect("a good wheel"))
        };
        group.bench_function(format!("{threads} threads"), |bench| {
            bench.iter_batched(folder, once, BatchSize::PerIteration);
        });
    }
}

/// Machine code that is there on every machine: of this program.
fn machine_code() -> Vec<u8> {
    let program = std::env::current_exe().expect("a program has a file");
    fastenv::fs::read(&program).expect("it can be read")
}

/// A large entry in pieces, beside the libraries that could do it: zlib-rs in pieces, too, libdeflate only as a whole.
fn inflate(criterion: &mut Criterion) {
    let content = machine_code();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&content).expect("into memory");
    let packed = encoder.finish().expect("into memory");
    let mut group = criterion.benchmark_group("inflate");
    group.throughput(Throughput::Bytes(content.len() as u64));
    group.bench_function("ours", |bench| bench.iter(|| inflated_by_us(&packed)));
    group.bench_function("zlib-rs", |bench| {
        bench.iter(|| io::copy(&mut flate2::bufread::DeflateDecoder::new(&packed[..]), &mut io::sink()));
    });
    let mut whole = vec![0; content.len()];
    group.bench_function("libdeflate", |bench| {
        bench.iter(|| libdeflater::Decompressor::new().deflate_decompress(&packed, &mut whole));
    });
}

fn inflated_by_us(packed: &[u8]) -> usize {
    let (mut inflater, mut from, mut made) = (Inflater::new(), 0, 0);
    loop {
        let end = packed.len().min(from + PIECE);
        let (eaten, status) = inflater.run(&packed[from..end]).expect("a good stream");
        from += eaten;
        made += black_box(inflater.new_bytes()).len();
        if status == Status::Done {
            return made;
        }
    }
}

/// The content of an old conda package, beside the library (libbz2-rs-sys).
fn bunzip2(criterion: &mut Criterion) {
    let content = machine_code();
    let mut packed = Vec::new();
    let best = bzip2::Compression::best();
    bzip2::read::BzEncoder::new(&content[..], best).read_to_end(&mut packed).expect("from memory");
    let mut group = criterion.benchmark_group("bunzip2");
    group.throughput(Throughput::Bytes(content.len() as u64));
    group.bench_function("ours", |bench| {
        bench.iter(|| io::copy(&mut Reader::new(&packed[..]), &mut io::sink()).expect("a good stream"));
    });
    group.bench_function("libbz2-rs-sys", |bench| {
        bench.iter(|| io::copy(&mut bzip2::bufread::BzDecoder::new(&packed[..]), &mut io::sink()));
    });
}

fn expected() -> Expected {
    Expected {
        name: "my-pkg".into(),
        version: "1.0".into(),
        file_name: zip_writer::FILE_NAME.into(),
        sha256: Sha256::of(b"the wheel"),
        files_digest: None,
    }
}

fn decode(criterion: &mut Criterion) {
    let stamped = |at| Stamped { boot: "machine boot".into(), index: index(at) };
    let files: Vec<Vec<u8>> = (0..PACKAGES).map(|at| index_file::encode(&stamped(at))).collect();
    criterion.bench_function("decode the indexes", |bench| {
        bench.iter(|| files.iter().map(|bytes| index_file::decode(bytes).expect("good")).collect::<Vec<_>>());
    });
}

fn parse(criterion: &mut Criterion) {
    let text = lock_of_all();
    criterion.bench_function("parse the lock", |bench| {
        bench.iter_batched(|| text.clone(), parsed, BatchSize::SmallInput);
    });
}

fn compose(criterion: &mut Criterion) {
    let lock = parsed(lock_of_all());
    let scheme = Scheme::of(&lock);
    let artifact = |at: usize| {
        let sha256 = Sha256::of(format!("{at}").as_bytes());
        Artifact {
            sha256,
            folder: PathBuf::from(format!("/store/{at}")),
            index: index(at),
            boot: String::new(),
        }
    };
    let artifacts: Vec<Artifact> = (0..PACKAGES).map(artifact).collect();
    criterion.bench_function("compose the layout", |bench| {
        bench.iter(|| layout::compose(&lock, black_box(&artifacts), &scheme).expect("no clash"));
    });
}

fn record_text(criterion: &mut Criterion) {
    let row = |at: usize| {
        let path = format!("pkg/d{}/module_{at}.py", at % 12);
        record::Row { sha256: Sha256::of(path.as_bytes()), path, size: 4000 + at as u64 }
    };
    let rows: Vec<record::Row> = (0..FILES).map(row).collect();
    criterion.bench_function("text of a RECORD", |bench| {
        bench.iter_batched(
            || rows.clone(),
            |rows| record::text(rows, "pkg-1.0.dist-info/RECORD"),
            BatchSize::SmallInput,
        );
    });
}

/// Names for 2,000 files, in new folders: the floor of a warm run. Its file system is that of `$TMPDIR`.
fn link(criterion: &mut Criterion) {
    const LINKS: u64 = 2000;
    let store = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<PathBuf> = (0..LINKS).map(|at| store.path().join(at.to_string())).collect();
    for file in &files {
        fastenv::fs::write_new(file, b"content", 0o444).expect("written");
    }
    let linker = Linker::new(LinkMode::Auto);
    let all = |dir: tempfile::TempDir| {
        for (at, file) in files.iter().enumerate() {
            linker.place(file, &place(dir.path(), at), false, 0).expect("linked");
        }
        dir
    };
    let mut group = criterion.benchmark_group("link");
    group.throughput(Throughput::Elements(LINKS));
    group.bench_function("2000 files", |bench| bench.iter_batched(folders, all, BatchSize::PerIteration));
}

fn folders() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for at in 0..20 {
        fastenv::fs::create_dir_all(&dir.path().join(at.to_string())).expect("made");
    }
    dir
}

fn place(dir: &Path, at: usize) -> PathBuf {
    dir.join((at % 20).to_string()).join(at.to_string())
}
