//! A world with a library session, and the events of a job in it as lines.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sftpsh::child::ChildTransport;
use sftpsh::name::RemotePath;
use sftpsh::sftp::{self, Session};
use sftpsh::transfer::OnConflict;
use sftpsh::transfer::{
    self, Connections, Event, GetPair, Hold, Learnt, Limit, Links, LocalPath, Options, Pairs, PutPair, Report, Request,
    Selection,
};

use crate::support::{Entry, Remote, World, sftp_server};

/// A world, and a session with its server.
pub(super) struct Site {
    pub(super) world: World,
    pub(super) session: Session,
}

/// The result of a job: its report, and one line per event.
pub(super) struct Told {
    pub(super) report: Report,
    pub(super) lines: Vec<String>,
}

pub(super) const PLAIN: Options = Options {
    recursive: false,
    preserve: false,
    resume: false,
    trusts_sizes: false,
    on_conflict: OnConflict::Overwrite,
    atomic: false,
    verify: sftpsh::transfer::Verify::No,
    fsync: false,
    links: Links::Skipped,
    estimated_sizes: false,
    remove_source: false,
    dry_run: false,
    request_bytes: None,
    requests: None,
};
pub(super) const RECURSIVE: Options = Options { recursive: true, ..PLAIN };
pub(super) const RESUME: Options = Options { resume: true, ..PLAIN };
pub(super) const PRESERVE: Options = Options { preserve: true, recursive: true, ..PLAIN };

impl Site {
    pub(super) fn on(remote: Remote) -> Site {
        Site::with_local(remote, &[])
    }

    pub(super) fn with_local(remote: Remote, local: &[Entry]) -> Site {
        Site::patient_for(Duration::from_secs(20), remote, local)
    }

    /// Sets the time for which the server may be silent.
    pub(super) fn patient_for(limit: Duration, remote: Remote, local: &[Entry]) -> Site {
        let world = World::build(remote, local);
        let (words, _) = world.connecting_words();
        let line = words[1].to_str().unwrap().to_owned();
        Site::connect(world, &line, limit)
    }

    /// Returns this world, but with an honest server.
    pub(super) fn again(self) -> Site {
        let line = format!("{} -d {}", sftp_server(), self.world.remote().display());
        Site::connect(self.world, &line, Duration::from_secs(20))
    }

    fn connect(world: World, line: &str, limit: Duration) -> Site {
        let mut parts = line.split(' ');
        let mut command = Command::new(parts.next().unwrap());
        command.args(parts).current_dir(world.remote());
        let transport = ChildTransport::spawn(&command).unwrap();
        let options = sftp::Options { idle_limit: Some(limit), ..sftp::Options::default() };
        let session = Session::open(Box::new(transport), options).unwrap();
        Site { world, session }
    }

    pub(super) fn remote(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.world.remote().join(OsString::from_vec(name.as_ref().to_vec()))
    }

    pub(super) fn local(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.world.local().join(OsString::from_vec(name.as_ref().to_vec()))
    }

    pub(super) fn remote_path(&self, name: &[u8]) -> RemotePath {
        RemotePath::new(self.remote(name).into_os_string().into_vec()).unwrap()
    }

    pub(super) fn get_pair(&self, name: &[u8]) -> GetPair {
        let shown = PathBuf::from(OsString::from_vec(name.to_vec()));
        GetPair { remote: self.remote_path(name), attributes: None, local: LocalPath::named(self.local(name), shown) }
    }

    pub(super) fn put_pair(&self, name: &[u8]) -> PutPair {
        let shown = PathBuf::from(OsString::from_vec(name.to_vec()));
        PutPair { local: LocalPath::named(self.local(name), shown), remote: self.remote_path(name) }
    }

    pub(super) fn request(&self, pairs: Pairs, options: Options) -> Request {
        Request {
            learnt: Learnt::default(),
            pairs,
            options,
            selection: Selection::default(),
            mode: None,
            server: b"test".to_vec(),
            working_directories: sftpsh::transfer::WorkingDirectories::default(),
            limit: Limit::default(),
            connections: Connections::default(),
        }
    }

    pub(super) fn start(&self, pairs: Pairs, options: Options) -> transfer::Job {
        transfer::start(&self.session, self.request(pairs, options), Hold::default())
    }

    pub(super) fn start_get(&self, names: &[&str], options: Options) -> transfer::Job {
        let pairs = names.iter().map(|name| self.get_pair(name.as_bytes()));
        self.start(Pairs::get(pairs), options)
    }

    pub(super) fn start_put(&self, names: &[&str], options: Options) -> transfer::Job {
        let pairs = names.iter().map(|name| self.put_pair(name.as_bytes()));
        self.start(Pairs::put(pairs), options)
    }

    pub(super) fn get(&self, names: &[&str], options: Options) -> Told {
        self.told(self.start_get(names, options))
    }

    pub(super) fn put(&self, names: &[&str], options: Options) -> Told {
        self.told(self.start_put(names, options))
    }

    pub(super) fn told(&self, job: transfer::Job) -> Told {
        let lines = job
            .events()
            .iter()
            .flatten()
            .filter_map(|event| line(&event))
            .map(|line| self.world.plain(&line))
            .collect();
        Told { report: job.wait(), lines }
    }

    /// Checks that both sides have the same bytes.
    #[track_caller]
    pub(super) fn same(&self, name: &str) {
        let (remote, local) = (fs::read(self.remote(name)).unwrap(), fs::read(self.local(name)).unwrap());
        assert_eq!(remote.len(), local.len(), "length of {name}");
        assert!(remote == local, "{name} differs");
    }

    /// Returns all names in the local directory, including hidden files.
    pub(super) fn local_names(&self) -> Vec<String> {
        names(&self.world.local())
    }

    /// Checks that the session still works.
    #[track_caller]
    pub(super) fn lives(&self) {
        self.session.stat(&self.remote_path(b".")).unwrap();
    }
}

impl Told {
    #[track_caller]
    pub(super) fn succeeds(&self) -> &Told {
        assert!(self.report.is_success(), "{:?}\n{:#?}", self.report, self.lines);
        self
    }

    #[track_caller]
    pub(super) fn fails_with(&self, lines: &[&str]) -> &Told {
        let failures: Vec<_> = self.lines.iter().filter_map(|line| line.strip_prefix("failed: ")).collect();
        assert_eq!(failures, lines, "{:#?}", self.lines);
        assert_eq!(self.report.failures.len(), lines.len());
        self
    }

    #[track_caller]
    pub(super) fn says(&self, line: &str) -> &Told {
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
        Event::Intended(intent) => intent.to_string(),
        Event::Noted(note) => format!("noted: {note}"),
        Event::Asked(question) => format!("asked: {question:?}"),
    })
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().as_bytes().escape_ascii().to_string())
        .collect();
    names.sort();
    names
}

pub(super) fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
