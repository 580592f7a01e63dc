//! Decompresses remote files on their way to the reader.

use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;

use flate2::write::MultiGzDecoder;

use crate::commands::opened::Opened;
use crate::commands::{Context, Failure};
use crate::remote::Ahead;
use crate::terminal::Printable;

/// The first bytes of compressed data (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Writes a file, decompressed. A file that is not compressed stays as it is. The inner error is that of `to`.
pub(super) fn pour(cx: &Context, file: &Opened, ahead: Ahead, to: &mut dyn Write) -> Result<io::Result<()>, Failure> {
    if !is_compressed(cx, file)? {
        return file.pour(cx, 0, u64::MAX, ahead, to);
    }
    let mut decoder = MultiGzDecoder::new(to);
    let written = file.pour(cx, 0, u64::MAX, ahead, &mut decoder)?;
    match written.and_then(|()| decoder.try_finish()) {
        Err(error) if is_about_the_data(&error) => {
            let name = Printable(file.name(cx)).text();
            Err(Failure::new(format!("\"{name}\": the compressed data is damaged or ends too early")))
        }
        written => Ok(written),
    }
}

fn is_compressed(cx: &Context, file: &Opened) -> Result<bool, Failure> {
    let mut first = Vec::new();
    file.read(cx, 0, file.size.min(MAGIC.len() as u64), Ahead::Little, |piece| {
        first.extend_from_slice(piece);
        if first.len() < MAGIC.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(first.starts_with(&MAGIC))
}

/// Returns whether the decoder failed, and not the place to which it writes.
fn is_about_the_data(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::WriteZero
    )
}
