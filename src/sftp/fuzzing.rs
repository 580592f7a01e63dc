//! Entry points for [`crate::fuzzing`] that decode packets from a server.

use std::sync::Arc;

use bytes::Bytes;

use crate::sftp::attributes::Attributes;
use crate::sftp::extensions::Extensions;
use crate::sftp::manners::Manners;
use crate::sftp::reply::{Expects, Reply};
use crate::sftp::shared::Shared;
use crate::sftp::waker::Waker;
use crate::sftp::wire::{Reader, Writer};

const EXPECTED: [Expects; 11] = [
    Expects::Done,
    Expects::Handle,
    Expects::Data { at_most: 8 },
    Expects::Names { longnames: true },
    Expects::Path,
    Expects::Attributes,
    Expects::Limits,
    Expects::Statvfs,
    Expects::OwnerNames { users: 2, groups: 1 },
    Expects::CheckedFile,
    Expects::Md5,
];

/// Decodes the body of a reply, which begins with its type, as the answer to each kind of request, and as the
/// extensions of a VERSION packet.
pub fn packet(bytes: &[u8]) {
    let Some((&packet_type, body)) = bytes.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    let _ = Extensions::decode(&mut Reader::new(body.clone()));
    let Ok(waker) = Waker::new() else { return };
    let shared = Arc::new(Shared::new(Arc::new(waker), Manners::default()));
    for expected in EXPECTED {
        match expected.decode(packet_type, &mut Reader::new(body.clone()), &shared) {
            Ok(Ok(Reply::Data(data))) => assert!((1..=8).contains(&data.len()), "more data than was asked for"),
            Ok(Ok(Reply::Path(path))) => assert!(!path.is_empty() && !path.contains(&0), "a path that can't be one"),
            Ok(Ok(Reply::Names(names))) => {
                assert!(names.entries().len() * 12 <= body.len(), "more names than the packet holds")
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Decodes attributes, encodes them, and checks that they decode to the same value again.
pub fn attributes(bytes: &[u8]) {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    let Ok(read) = Attributes::decode(&mut reader) else { return };
    let mut written = Vec::new();
    Writer::packet(&mut written, |packet| read.encode(packet));
    let again = Attributes::decode(&mut Reader::new(Bytes::from(written).slice(4..)));
    assert!(again.is_ok_and(|again| again == read), "{read:?} is written as something else");
}
