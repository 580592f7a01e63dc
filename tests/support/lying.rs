//! Finds the lying SFTP server, an example target of this package, and builds it if `cargo test --test it` did not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Returns the program, which is no older than its source.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // target/PROFILE/deps/it-HASH is next to target/PROFILE/examples/.
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).expect("a test binary lies in target/PROFILE/deps");
        let program = profile.join("examples/lying-server");
        if modified(&program) < newest_source() {
            build(profile.file_name().is_some_and(|name| name == "release"));
        }
        program
    })
}

fn build(release: bool) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--example", "lying-server"]);
    if release {
        cargo.arg("--release");
    }
    let output = cargo.output().unwrap_or_else(|error| panic!("{cargo:?}: {error}"));
    assert!(output.status.success(), "{cargo:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn newest_source() -> SystemTime {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/lying_server");
    std::fs::read_dir(&sources)
        .unwrap_or_else(|error| panic!("{}: {error}", sources.display()))
        .map(|entry| modified(&entry.unwrap().path()))
        .max()
        .expect("it has a source")
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}
