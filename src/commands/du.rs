//! `du`.

use crate::commands::matches::{Form, Target, targets};
use crate::commands::{Context, Depth, Example, Failure, Outcome, Purpose, RemotePattern, Run};
use crate::name::RemotePath;
use crate::remote::{Found, Links};
use crate::sftp::Attributes;
use crate::terminal::{Printable, size};

/// Display how many bytes remote directories hold
///
/// Sizes are file sizes in KiB, rounded up, because SFTP doesn't report disk usage. A symbolic link counts as itself, not as
/// its target.
#[derive(Clone, Debug, clap::Args)]
pub struct Du {
    /// Show files as well as directories
    #[arg(short, long, conflicts_with = "summarize")]
    all: bool,
    /// Show sizes in bytes
    #[arg(short, long)]
    bytes: bool,
    /// Show only directories up to this depth
    #[arg(short = 'd', long, value_name = "depth")]
    max_depth: Option<Depth>,
    /// Show sizes with a fitting unit
    #[arg(short = 'h', long, overrides_with = "bytes")]
    human_readable: bool,
    /// Show only a total for each path
    #[arg(short, long)]
    summarize: bool,
    /// The files and directories to measure [default: the working directory]
    #[arg(value_name = "path")]
    paths: Vec<RemotePattern>,
}

impl Run for Du {
    const NEEDS_SERVER: bool = true;

    const REFUSES_LATE_FLAGS: bool = true;
    const EXAMPLES: &'static [Example] = &[
        Example { line: "du -sh *", does: "show the size of each entry" },
        Example { line: "du -h -d 1 /srv", does: "show how large each directory in /srv is" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::Output
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let mut is_whole = true;
        if self.paths.is_empty() {
            let here = cx.remote.working_directory().clone();
            is_whole &= self.measure(cx, Target { path: here, found: None, form: Form::Relative }, true)?;
        } else {
            for target in targets(cx, &self.paths)? {
                is_whole &= self.measure(cx, target, false)?;
            }
        }
        if is_whole { Ok(Outcome::Done) } else { Err(Failure::already_shown()) }
    }
}

impl Du {
    /// Measures one target. Returns whether all of it could be read.
    fn measure(&self, cx: &Context, target: Target, is_directory: bool) -> Result<bool, Failure> {
        let Target { path, found, form } = target;
        let attributes = match found {
            _ if is_directory => None,
            Some(found) => Some(found.itself),
            None => {
                let refused = |error| Failure::refused("stat remote", &error).about(path.as_bytes());
                Some(cx.session().lstat(&path).map_err(refused)?)
            }
        };
        if let Some(attributes) = attributes.filter(|attributes| !attributes.is_dir()) {
            self.show(cx, &path, form, bytes_of(&attributes));
            return Ok(true);
        }
        let deepest = if self.summarize { 0 } else { self.max_depth.map_or(usize::MAX, |Depth(depth)| depth) };
        // The sizes found so far in each directory that was entered but not left.
        let mut sums: Vec<u64> = Vec::new();
        let mut is_whole = true;
        let walk = cx.remote.walk(&path, Links::Kept);
        // Without the files, the order of the lines is the same.
        for found in if self.all { walk } else { walk.in_parts() } {
            match found {
                Found::Directory(_) => sums.push(0),
                Found::Entry { directory, entry } => {
                    let bytes = bytes_of(&entry.attributes);
                    if self.all && directory.depth < deepest {
                        self.show(cx, &directory.path.join(&entry.name), form, bytes);
                    }
                    add(&mut sums, bytes);
                }
                Found::Left(directory) => {
                    let sum = sums.pop().unwrap_or_default();
                    if directory.depth <= deepest {
                        self.show(cx, &directory.path, form, sum);
                    }
                    add(&mut sums, sum);
                }
                Found::Failure(error) => {
                    cx.output.explain(&Failure::from(error));
                    is_whole = false;
                }
            }
        }
        Ok(is_whole)
    }

    fn show(&self, cx: &Context, path: &RemotePath, form: Form, bytes: u64) {
        let size = match (self.human_readable, self.bytes) {
            (true, _) => size::scaled(bytes),
            (false, true) => bytes.to_string(),
            (false, false) => bytes.div_ceil(1024).to_string(),
        };
        let shown = match form {
            Form::Relative if path == cx.remote.working_directory() => b".",
            form => form.show(cx, path),
        };
        cx.output.answer(format_args!("{size}\t{}", Printable(shown)));
    }
}

fn bytes_of(attributes: &Attributes) -> u64 {
    attributes.size.unwrap_or(0)
}

fn add(sums: &mut [u64], bytes: u64) {
    if let Some(sum) = sums.last_mut() {
        // A malicious server may report any sizes.
        *sum = sum.saturating_add(bytes);
    }
}
