//! Small programs, compiled against the library as it was built for this test.
//!
//! Called with `rustc` and not `cargo`: each takes a fraction of a second, and they may break the
//! lints of this package, as a program that counts allocations has to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the compiled dependencies are: beside this test.
fn dependencies() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    test.parent().expect("it is in a folder").to_owned()
}

/// The library. There may be several, of other features or older; the newest is the one that this
/// test was linked with.
fn library() -> PathBuf {
    let is_library = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with("libreactor-") && name.ends_with(".rlib"))
    };
    let built = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    let files = fs::read_dir(dependencies()).expect("the folder is there");
    let libraries = files.flatten().map(|file| file.path()).filter(is_library);
    libraries.max_by_key(built).expect("the library was built")
}

pub(crate) fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deferred/programs")
}

/// Compiles a program, to `executable` if it is to be run, and otherwise only checks it.
pub(crate) fn compile(program: &Path, executable: Option<&Path>) -> Output {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "--color", "never"])
        .arg("--extern")
        .arg(format!("reactor={}", library().display()))
        .arg("-L")
        .arg(format!("dependency={}", dependencies().display()))
        .arg(program);
    match executable {
        Some(executable) => rustc.arg("-o").arg(executable),
        // A compiler that may write where devices are replaces them by files.
        None => rustc.args([
            "--emit",
            "metadata",
            "--out-dir",
            env!("CARGO_TARGET_TMPDIR"),
        ]),
    };
    rustc.output().expect("rustc can be run")
}
