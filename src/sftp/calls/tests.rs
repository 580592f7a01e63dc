use std::sync::Arc;

use crate::sftp::attributes::{Owner, Times};
use crate::sftp::calls::*;
use crate::sftp::extensions::Names;
use crate::sftp::manners::{Manners, SymlinkOrder};
use crate::sftp::shared::Shared;
use crate::sftp::waker::Waker;

/// Returns the type of a call and the bytes of its fields.
fn fields<C: Call>(call: &C) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    Writer::packet(&mut out, |packet| call.encode(packet));
    (C::TYPE, out.split_off(4))
}

/// Like [`fields`], except that the server reads the paths of SYMLINK in the given order.
fn fields_in<C: Call>(order: SymlinkOrder, call: &C) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    Writer::packet(&mut out, |packet| call.encode_in(order, packet));
    (C::TYPE, out.split_off(4))
}

fn string(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

fn handle() -> Handle {
    let shared = Arc::new(Shared::new(Arc::new(Waker::new().unwrap()), Manners::default()));
    let handle = Handle::new(Bytes::from_static(b"h1"), &shared);
    // Otherwise dropping the handle would send a CLOSE, and this test has no server.
    handle.mark_closed();
    handle
}

#[test]
fn packets_hold_the_fields_that_the_draft_and_openssh_name_in_their_order() {
    let (a, b) = (RemotePath::new("a").unwrap(), RemotePath::new("/b").unwrap());
    let (a, b) = (&a, &b);
    let (first, second) = (handle(), handle());
    let all = Attributes {
        size: Some(1),
        owner: Some(Owner { uid: 2, gid: 3 }),
        permissions: Some(4),
        times: Some(Times { accessed: 5, modified: 6 }),
    };
    let all_fields =
        [&[0, 0, 0, 15][..], &1_u64.to_be_bytes(), &[0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6]]
            .concat();
    let number = |number: u64| number.to_be_bytes().to_vec();
    let none = || vec![0; 4];
    let table = [
        (fields(&Stat { path: a }), 17, vec![string("a")]),
        (fields(&Lstat { path: a }), 7, vec![string("a")]),
        (fields(&Opendir { path: a }), 11, vec![string("a")]),
        (fields(&Remove { path: a }), 13, vec![string("a")]),
        (fields(&Rmdir { path: a }), 15, vec![string("a")]),
        (fields(&Realpath { path: a }), 16, vec![string("a")]),
        (fields(&Readlink { path: a }), 19, vec![string("a")]),
        (fields(&Rename { from: a, to: b }), 18, vec![string("a"), string("/b")]),
        (fields(&Symlink { target: a, link: b }), 20, vec![string("a"), string("/b")]),
        (fields_in(SymlinkOrder::TargetFirst, &Symlink { target: a, link: b }), 20, vec![string("a"), string("/b")]),
        (fields_in(SymlinkOrder::LinkFirst, &Symlink { target: a, link: b }), 20, vec![string("/b"), string("a")]),
        (fields_in(SymlinkOrder::LinkFirst, &Rename { from: a, to: b }), 18, vec![string("a"), string("/b")]),
        (
            fields(&PosixRename { from: a, to: b }),
            200,
            vec![string("posix-rename@openssh.com"), string("a"), string("/b")],
        ),
        (
            fields(&Hardlink { existing: a, link: b }),
            200,
            vec![string("hardlink@openssh.com"), string("a"), string("/b")],
        ),
        (
            fields(&Open {
                path: a,
                flags: OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE,
                attributes: all,
            }),
            3,
            vec![string("a"), vec![0, 0, 0, 0x1a], all_fields.clone()],
        ),
        (fields(&Close { handle: handle() }), 4, vec![string("h1")]),
        (fields(&Read { handle: &first, offset: 7, length: 9 }), 5, vec![string("h1"), number(7), vec![0, 0, 0, 9]]),
        (fields(&Write { handle: &first, offset: 7, data: b"data" }), 6, vec![string("h1"), number(7), string("data")]),
        (fields(&Fstat { handle: &first }), 8, vec![string("h1")]),
        (fields(&Readdir { handle: &first, longnames: true }), 12, vec![string("h1")]),
        (fields(&Setstat { path: a, attributes: all }), 9, vec![string("a"), all_fields.clone()]),
        (fields(&Fsetstat { handle: &first, attributes: all }), 10, vec![string("h1"), all_fields.clone()]),
        (fields(&Mkdir { path: a, attributes: Attributes::default() }), 14, vec![string("a"), none()]),
        (
            fields(&Lsetstat { path: a, attributes: all }),
            200,
            vec![string("lsetstat@openssh.com"), string("a"), all_fields],
        ),
        (fields(&Fsync { handle: &first }), 200, vec![string("fsync@openssh.com"), string("h1")]),
        (fields(&StatFileSystem { path: a }), 200, vec![string("statvfs@openssh.com"), string("a")]),
        (fields(&AskLimits), 200, vec![string("limits@openssh.com")]),
        (
            fields(&CopyData { source: &first, source_offset: 1, length: 2, target: &second, target_offset: 3 }),
            200,
            vec![string("copy-data"), string("h1"), number(1), number(2), string("h1"), number(3)],
        ),
        (
            fields(&CheckFile { handle: &first, offset: 1, length: 2, algorithms: &crate::sftp::HashAlgorithm::ALL }),
            200,
            vec![
                string("check-file-handle"),
                string("h1"),
                string("sha256,sha512,sha384,sha224,sha1,md5"),
                number(1),
                number(2),
                none(),
            ],
        ),
        (
            fields(&Md5Hash { handle: &first, offset: 1, length: 2 }),
            200,
            vec![string("md5-hash-handle"), string("h1"), number(1), number(2), string("")],
        ),
        (
            fields(&UsersGroupsById { users: &[1, 2], groups: &[3] }),
            200,
            vec![
                string("users-groups-by-id@openssh.com"),
                vec![0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2],
                vec![0, 0, 0, 4, 0, 0, 0, 3],
            ],
        ),
    ];
    for ((packet_type, encoded), expected_type, expected) in table {
        assert_eq!(
            (packet_type, encoded.escape_ascii().to_string()),
            (expected_type, expected.concat().escape_ascii().to_string())
        );
    }
}

#[test]
fn each_call_tells_how_much_may_come_back() {
    let handle = handle();
    let path = RemotePath::new("a").unwrap();
    assert_eq!(Stat { path: &path }.reply_bytes(), 256);
    assert_eq!(Read { handle: &handle, offset: 0, length: 32_768 }.reply_bytes(), 33_024);
    assert_eq!(Readdir { handle: &handle, longnames: true }.reply_bytes(), 32_768);
}

#[test]
fn a_call_takes_its_result_out_of_its_own_reply_only() {
    let names = Names { users: vec![Bytes::from_static(b"root")], groups: Vec::new() };
    assert_eq!(Read::result(Reply::Data(Bytes::from_static(b"x"))), Some(Bytes::from_static(b"x")));
    assert_eq!(Read::result(Reply::Done), None);
    assert_eq!(UsersGroupsById::result(Reply::OwnerNames(names.clone())), Some(names));
    assert_eq!(UsersGroupsById::result(Reply::Done), None);
    assert_eq!(Mkdir::result(Reply::Done), Some(()));
    assert_eq!(Mkdir::result(Reply::Data(Bytes::new())), None);
}

#[test]
fn flags_are_a_union() {
    assert_eq!(OpenFlags::WRITE | OpenFlags::WRITE, OpenFlags::WRITE);
    assert_eq!((OpenFlags::WRITE | OpenFlags::CREATE).0, 0x0a);
}
