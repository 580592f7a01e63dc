//! The transfer engine as a library, on a real server over a socket pair, and on one that lies.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sftpsh::child::ChildTransport;
use sftpsh::name::RemotePath;
use sftpsh::sftp::{self, Session};
use sftpsh::transfer::{self, Event, GetPair, LocalPath, Options, Pairs, PutPair, Report, Request};

use crate::support::{Entry, Remote, World};

/// A world, and a session with its server.
struct Site {
    world: World,
    session: Session,
}

/// How a job went: its report, and one line per event.
struct Told {
    report: Report,
    lines: Vec<String>,
}

const PLAIN: Options =
    Options { recursive: false, preserve: false, resume: false, fsync: false, request_bytes: None, requests: None };
const RECURSIVE: Options = Options { recursive: true, ..PLAIN };
const RESUME: Options = Options { resume: true, ..PLAIN };
const PRESERVE: Options = Options { preserve: true, recursive: true, ..PLAIN };

impl Site {
    fn on(remote: Remote) -> Site {
        Site::with_local(remote, &[])
    }

    fn with_local(remote: Remote, local: &[Entry]) -> Site {
        let world = World::build(remote, local);
        let (words, _) = world.connecting_words();
        let line = words[1].to_str().unwrap().to_owned();
        let mut parts = line.split(' ');
        let mut command = Command::new(parts.next().unwrap());
        command.args(parts).current_dir(world.remote());
        let transport = ChildTransport::spawn(&command).unwrap();
        let options = sftp::Options { idle_limit: Some(Duration::from_secs(20)), ..sftp::Options::default() };
        let session = Session::open(Box::new(transport), options).unwrap();
        Site { world, session }
    }

    fn remote(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.world.remote().join(OsString::from_vec(name.as_ref().to_vec()))
    }

    fn local(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.world.local().join(OsString::from_vec(name.as_ref().to_vec()))
    }

    fn remote_path(&self, name: &[u8]) -> RemotePath {
        RemotePath::new(self.remote(name).into_os_string().into_vec()).unwrap()
    }

    fn get_pair(&self, name: &[u8]) -> GetPair {
        let shown = PathBuf::from(OsString::from_vec(name.to_vec()));
        GetPair { remote: self.remote_path(name), attributes: None, local: LocalPath::named(self.local(name), shown) }
    }

    fn put_pair(&self, name: &[u8]) -> PutPair {
        let shown = PathBuf::from(OsString::from_vec(name.to_vec()));
        PutPair { local: LocalPath::named(self.local(name), shown), remote: self.remote_path(name) }
    }

    fn request(&self, pairs: Pairs, options: Options) -> Request {
        Request { pairs, options, server: b"test".to_vec() }
    }

    fn start_get(&self, names: &[&str], options: Options) -> transfer::Job {
        let pairs = names.iter().map(|name| self.get_pair(name.as_bytes())).collect();
        transfer::start(&self.session, self.request(Pairs::Get(pairs), options))
    }

    fn start_put(&self, names: &[&str], options: Options) -> transfer::Job {
        let pairs = names.iter().map(|name| self.put_pair(name.as_bytes())).collect();
        transfer::start(&self.session, self.request(Pairs::Put(pairs), options))
    }

    fn get(&self, names: &[&str], options: Options) -> Told {
        self.told(self.start_get(names, options))
    }

    fn put(&self, names: &[&str], options: Options) -> Told {
        self.told(self.start_put(names, options))
    }

    fn told(&self, job: transfer::Job) -> Told {
        let lines = job.events().iter().filter_map(|event| line(&event)).map(|line| self.world.plain(&line)).collect();
        Told { report: job.wait(), lines }
    }

    /// Whether the same bytes are on both sides.
    #[track_caller]
    fn same(&self, name: &str) {
        let (remote, local) = (fs::read(self.remote(name)).unwrap(), fs::read(self.local(name)).unwrap());
        assert_eq!(remote.len(), local.len(), "length of {name}");
        assert!(remote == local, "{name} differs");
    }

    /// What is in the local directory, hidden files too.
    fn local_names(&self) -> Vec<String> {
        names(&self.world.local())
    }

    /// The session must have outlived what was done to it.
    #[track_caller]
    fn lives(&self) {
        self.session.stat(&self.remote_path(b".")).unwrap();
    }
}

impl Told {
    #[track_caller]
    fn succeeds(&self) -> &Told {
        assert!(self.report.is_success(), "{:?}\n{:#?}", self.report, self.lines);
        self
    }

    #[track_caller]
    fn fails_with(&self, lines: &[&str]) -> &Told {
        let failures: Vec<_> = self.lines.iter().filter_map(|line| line.strip_prefix("failed: ")).collect();
        assert_eq!(failures, lines, "{:#?}", self.lines);
        assert_eq!(self.report.failures.len(), lines.len());
        self
    }

    #[track_caller]
    fn says(&self, line: &str) -> &Told {
        assert!(self.lines.iter().any(|told| told == line), "no {line:?} in {:#?}", self.lines);
        self
    }
}

fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Announced(file) => file.to_string(),
        Event::Entered { directory, .. } => format!("entered {}", directory.escape_ascii()),
        Event::Started(file) => format!("started {} at {}", file.name().escape_ascii(), file.offset),
        Event::Advanced { .. } => return None,
        Event::Finished { file, length, .. } => format!("finished {} of {length}", file.name().escape_ascii()),
        Event::Failed(failure) => format!("failed: {failure}"),
        Event::Noted(note) => format!("noted: {note}"),
    })
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().as_bytes().escape_ascii().to_string())
        .collect();
    names.sort();
    names
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Files of every size at which something could go wrong by one.
fn sizes() -> Vec<usize> {
    vec![0, 1, 4096, 32767, 32768, 32769, 65536, 65537, 300_000]
}

fn sized() -> Vec<Entry> {
    sizes().into_iter().map(|size| Entry::sized(format!("f{size:06}"), size)).collect()
}

fn sized_names() -> Vec<String> {
    sizes().into_iter().map(|size| format!("f{size:06}")).collect()
}

#[test]
fn files_of_all_sizes_arrive_both_ways() {
    let names = sized_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for options in [PLAIN, Options { request_bytes: Some(1000), ..PLAIN }, Options { requests: Some(1), ..PLAIN }] {
        let down = Site::on(Remote::with(sized()));
        down.get(&names, options).succeeds();
        let up = Site::with_local(Remote::empty(), &sized());
        up.put(&names, options).succeeds();
        for name in &names {
            down.same(name);
            up.same(name);
        }
        assert_eq!(down.local_names(), names);
    }
}

#[test]
fn news_comes_file_by_file_in_order_whatever_ends_first() {
    let site = Site::on(Remote::with([Entry::sized("a", 1 << 20), Entry::sized("b", 10), Entry::sized("c", 0)]));
    let told = site.get(&["a", "missing", "b", "c"], PLAIN);
    let expected = [
        "Fetching REMOTE/a to a",
        "started a at 0",
        "finished a of 1048576",
        "Fetching REMOTE/missing to missing",
        "failed: stat remote \"REMOTE/missing\": No such file or directory",
        "Fetching REMOTE/b to b",
        "started b at 0",
        "finished b of 10",
        "Fetching REMOTE/c to c",
        "started c at 0",
        "finished c of 0",
    ];
    assert_eq!(told.lines, expected);
    assert_eq!((told.report.files, told.report.bytes), (3, 1_048_586));
}
