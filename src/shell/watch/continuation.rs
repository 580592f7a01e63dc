//! The files that a stopped transfer left incomplete, and the line that continues it.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::remote::Remote;
use crate::terminal::quote;
use crate::transfer::{Direction, Event, File, Note};

/// The file under way, and the partial files that were kept.
#[derive(Default)]
pub(super) struct Continuation {
    started: Option<Arc<File>>,
    kept: Vec<PathBuf>,
}

impl Continuation {
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::Started(file) => self.started = Some(Arc::clone(file)),
            Event::Finished { .. } | Event::Failed(_) => self.started = None,
            Event::Noted(Note::Kept { target, .. }) => self.kept.push(target.clone()),
            Event::Announced(_)
            | Event::Entered { .. }
            | Event::Advanced { .. }
            | Event::Intended(_)
            | Event::Noted(_)
            | Event::Asked(_) => {}
        }
    }

    /// Returns the hint on how to continue, if a partial file was kept. It includes the whole line if it is the only
    /// one; `resume_command` is the command line that continues, if no other line can be typed.
    pub(super) fn hint(&self, remote: &Remote, resume_command: Option<&str>) -> Option<String> {
        let kept = self.kept.first()?;
        if let Some(resume_command) = resume_command {
            return Some(format!("{resume_command} continues"));
        }
        let file = self.started.as_ref().filter(|file| file.direction == Direction::Get);
        match file.filter(|file| self.kept.len() == 1 && file.target == kept.as_os_str().as_bytes()) {
            Some(file) => Some(format!("{} continues", line(file, remote))),
            None => Some("use reget instead of get to continue".to_owned()),
        }
    }
}

/// Returns the line that a user would type in the working directory.
fn line(file: &File, remote: &Remote) -> String {
    let source = quote::paste(remote.relative(&file.source));
    if file.target == file.name() {
        return format!("reget {source}");
    }
    format!("reget {source} {}", quote::paste(&file.target))
}
