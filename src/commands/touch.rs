//! `touch`.

use crate::commands::matches::expand_names;
use crate::commands::{Context, Example, Failure, Moment, Outcome, Purpose, RemotePattern, Run, each};
use crate::name::RemotePath;
use crate::sftp::{self, Attributes, OpenFlags, StatusCode, Times, calls};
use crate::terminal::Printable;

/// Set the times of remote files to now, and create missing files
#[derive(Clone, Debug, clap::Args)]
pub struct Touch {
    /// Create no files
    #[arg(short = 'c', long)]
    no_create: bool,
    /// Set this time: an age, such as 2d, a date, or the time of a local file
    #[arg(short, long, value_name = "when")]
    date: Option<Moment>,
    /// The files to touch
    #[arg(required = true, value_name = "path")]
    paths: Vec<RemotePattern>,
}

/// The mode that the request asks for; the server's umask takes its share.
const FILE_MODE: u32 = 0o666;

impl Run for Touch {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "touch done", does: "create an empty file, or set the times of an existing one" },
        Example { line: "touch -d 2026-11-01 notes.txt", does: "set the times of a file to a date" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Effect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let seconds = match &self.date {
            Some(date) => date.seconds("date", &cx.local)?,
            None => jiff::Timestamp::now().as_second(),
        };
        let Ok(time) = u32::try_from(seconds) else {
            return Err(Failure::new("touch: the protocol has no times before 1970 or after 2106"));
        };
        let times = Attributes { times: Some(Times { accessed: time, modified: time }), ..Attributes::default() };
        let paths = self.paths(cx)?;
        each(cx, paths, |cx, path| {
            let path = path?;
            match set(cx, &path, times) {
                Err(error) if error.status_code() == Some(StatusCode::NO_SUCH_FILE) => match self.no_create {
                    true => Ok(()),
                    false => self.create(cx, &path, times),
                },
                set => set.map_err(|error| unset(&path, &error)),
            }
        })
    }
}

impl Touch {
    /// Returns the paths to touch, and a failure for each pattern without a match: it is no name for a new file.
    fn paths(&self, cx: &Context) -> Result<Vec<Result<RemotePath, Failure>>, Failure> {
        let mut paths = Vec::new();
        for matched in expand_names(cx, self.paths.iter().map(RemotePattern::word))? {
            if !matched.matches.is_empty() {
                paths.extend(matched.matches.into_iter().map(|found| Ok(found.path)));
                continue;
            }
            let path = matched.path(cx)?;
            paths.push(match matched.pattern.is_literal() {
                true => Ok(path),
                false => Err(matched.not_found(format!("File \"{}\" not found.", Printable(path.as_bytes())))),
            });
        }
        Ok(paths)
    }

    fn create(&self, cx: &Context, path: &RemotePath, times: Attributes) -> Result<(), Failure> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE;
        let created = cx.session().open_file(path, flags, Attributes::with_permissions(FILE_MODE));
        created
            .and_then(|handle| cx.session().close(handle))
            .map_err(|error| Failure::refused(format!("remote open(\"{}\")", Printable(path.as_bytes())), &error))?;
        match self.date {
            Some(_) => set(cx, path, times).map_err(|error| unset(path, &error)),
            None => Ok(()),
        }
    }
}

fn set(cx: &Context, path: &RemotePath, attributes: Attributes) -> Result<(), sftp::Error> {
    cx.session().submit(&calls::Setstat { path, attributes }).wait()
}

fn unset(path: &RemotePath, error: &sftp::Error) -> Failure {
    Failure::refused(format!("remote setstat \"{}\"", Printable(path.as_bytes())), error)
}
