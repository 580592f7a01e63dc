//! The JSON object of an entry for `ls --json`, on one line. `docs/json.md` describes the schema.

use crate::mode::Kind;
use crate::remote::OwnerNames;
use crate::sftp::Attributes;
use crate::terminal::json::Object;

/// Returns the object of one entry, without a newline.
pub(super) fn record(path: &[u8], attributes: &Attributes, owners: &OwnerNames) -> String {
    object(path, attributes, owners).end()
}

/// Returns the object of one entry, to which members can be added.
pub(super) fn object(path: &[u8], attributes: &Attributes, owners: &OwnerNames) -> Object {
    let owner = attributes.owner;
    let mut object = Object::default();
    let path = without_dots(path);
    object.bytes("name", name_of(&path));
    object.bytes("path", &path);
    object.text("type", attributes.permissions.map_or("unknown", file_type));
    object.number("size", attributes.size);
    object.optional("mode", attributes.permissions.map(|mode| format!("\"{:04o}\"", mode & 0o7777)));
    object.number("uid", owner.map(|owner| owner.uid));
    object.number("gid", owner.map(|owner| owner.gid));
    object.name("owner", owner.and_then(|owner| owners.user(owner.uid)));
    object.name("group", owner.and_then(|owner| owners.group(owner.gid)));
    object.number("mtime", attributes.times.map(|times| times.modified));
    object
}

/// Returns a path without the components `.` that were typed: `/a/./b` becomes `/a/b`.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let components: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|&component| component != b".").collect();
    match components.as_slice() {
        [b""] => b"/".to_vec(),
        components => components.join(&b'/'),
    }
}

/// Returns the last component of a path, or all of it if it consists of a slash only.
fn name_of(path: &[u8]) -> &[u8] {
    match path.rsplit(|&byte| byte == b'/').next() {
        None | Some(b"") => path,
        Some(name) => name,
    }
}

/// Returns the name for the file type in a mode.
pub(super) fn file_type(mode: u32) -> &'static str {
    match Kind::of(mode) {
        Some(Kind::Regular) => "file",
        Some(Kind::Directory) => "directory",
        Some(Kind::Symlink) => "symlink",
        Some(Kind::Fifo) => "fifo",
        Some(Kind::Socket) => "socket",
        Some(Kind::CharacterDevice) => "character device",
        Some(Kind::BlockDevice) => "block device",
        Some(Kind::Unknown) | None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::{Owner, Times};

    #[test]
    fn an_entry_is_an_object_and_what_the_server_left_out_is_null() {
        let attributes = Attributes {
            size: Some(5_000_000_000),
            owner: Some(Owner { uid: 1000, gid: 4_294_967_295 }),
            permissions: Some(0o104_755),
            times: Some(Times { accessed: 0, modified: 4_294_967_295 }),
        };
        assert_eq!(
            record(b"/srv/a.txt", &attributes, &OwnerNames::default()),
            r#"{"name":"a.txt","path":"/srv/a.txt","type":"file","size":5000000000,"mode":"4755","uid":1000,"gid":4294967295,"owner":null,"group":null,"mtime":4294967295}"#
        );
        assert_eq!(
            record(b"/", &Attributes::default(), &OwnerNames::default()),
            r#"{"name":"/","path":"/","type":"unknown","size":null,"mode":null,"uid":null,"gid":null,"owner":null,"group":null,"mtime":null}"#
        );
    }

    #[test]
    fn names_are_escaped_and_bytes_that_are_no_text_are_exact_beside_them() {
        for (name, members) in [
            (&b"say \"hi\"\\"[..], r#""name":"say \"hi\"\\","#),
            (b"a\nb\rc\td", r#""name":"a\nb\rc\td","#),
            (b"\x00\x1b[2J\x7f", r#""name":"\u0000\u001b[2J\u007f","#),
            ("\u{85}\u{2028}\u{202e}ö日".as_bytes(), r#""name":"\u0085\u2028\u202eö日","#),
            (b"caf\xe9", "\"name\":\"caf\u{fffd}\",\"name_base64\":\"Y2Fm6Q==\","),
        ] {
            let object = record(name, &Attributes::default(), &OwnerNames::default());
            assert!(object.starts_with(&format!("{{{members}")), "{object}");
        }
    }

    #[test]
    fn a_path_has_no_components_that_mean_nothing() {
        for (path, shown) in [
            (&b"/srv/a"[..], &b"/srv/a"[..]),
            (b"/srv/./a", b"/srv/a"),
            (b"/./.", b"/"),
            (b"/", b"/"),
            (b"/srv/..", b"/srv/.."),
            (b"/srv/.a", b"/srv/.a"),
        ] {
            assert_eq!(without_dots(path).escape_ascii().to_string(), shown.escape_ascii().to_string());
        }
    }

    #[test]
    fn types_have_names() {
        for (mode, name) in [(0o040_755, "directory"), (0o120_777, "symlink"), (0o010_600, "fifo"), (0o644, "unknown")]
        {
            assert_eq!(file_type(mode), name, "{mode:o}");
        }
    }
}
