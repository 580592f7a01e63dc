//! Downloads to existing targets.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::site::{PLAIN, PRESERVE, Site, mode_of};
use crate::support::{Entry, Remote};
use sftpsh::transfer::{GetPair, LocalPath, Pairs};

#[test]
fn a_new_file_gets_the_sources_mode_without_set_id_bits() {
    let modes = [("a", 0o4755, 0o755), ("b", 0o400, 0o600), ("c", 0o666, 0o644), ("d", 0o1600, 0o600)];
    let site = Site::on(Remote::with(modes.map(|(name, mode, _)| Entry::file(name, "x").mode(mode))));
    site.get(&["a", "b", "c", "d"], PLAIN).succeeds();
    for (name, _, expected) in modes {
        // The tests' own umask may remove further bits.
        assert_eq!(mode_of(&site.local(name)), expected & !umask() | 0o600 & expected, "{name}");
    }
}

fn umask() -> u32 {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("f");
    fs::write(&path, "").unwrap();
    0o666 & !mode_of(&path)
}

#[test]
fn an_old_file_is_replaced_in_one_step_and_keeps_its_mode() {
    let site = Site::with_local(Remote::with([Entry::sized("f", 9000)]), &[Entry::file("f", "old").mode(0o604)]);
    let old = fs::File::open(site.local("f")).unwrap();
    site.get(&["f"], PLAIN).succeeds();
    site.same("f");
    assert_eq!(mode_of(&site.local("f")), 0o604);
    assert_ne!(old.metadata().unwrap().ino(), fs::metadata(site.local("f")).unwrap().ino());
    assert_eq!(std::io::read_to_string(old).unwrap(), "old", "the old file itself is untouched");
}

#[test]
fn a_file_with_other_names_is_written_in_place_and_that_is_said() {
    let site = Site::with_local(Remote::with([Entry::sized("f", 9000)]), &[Entry::file("f", vec![b'x'; 20_000])]);
    fs::hard_link(site.local("f"), site.local("other")).unwrap();
    let told = site.get(&["f"], PLAIN);
    told.succeeds().says("noted: f: written in place because it has other names (hard links)");
    site.same("f");
    assert_eq!(fs::read(site.local("other")).unwrap(), fs::read(site.remote("f")).unwrap());
}

// fault: a link as target
#[test]
fn a_link_of_the_users_leads_to_the_target_and_stays() {
    let site = Site::with_local(
        Remote::with([Entry::sized("f", 100)]),
        &[Entry::file("real", "old"), Entry::link("f", "real")],
    );
    site.get(&["f"], PLAIN).succeeds();
    assert!(fs::symlink_metadata(site.local("f")).unwrap().is_symlink());
    assert_eq!(fs::read(site.local("real")).unwrap(), fs::read(site.remote("f")).unwrap());
    fs::remove_file(site.local("real")).unwrap();
    site.get(&["f"], PLAIN).succeeds();
    assert_eq!(fs::read(site.local("real")).unwrap().len(), 100, "a link that led nowhere");
}

#[test]
fn a_link_under_a_name_that_the_server_listed_is_replaced() {
    let site = Site::with_local(
        Remote::with([Entry::sized("f", 100)]),
        &[Entry::file("real", "old"), Entry::link("f", "real")],
    );
    let local = LocalPath::listed(site.local("f"), "f");
    let pair = GetPair { local, ..site.get_pair(b"f") };
    site.told(site.start(Pairs::get([pair]), PLAIN)).succeeds();
    assert_eq!(fs::read(site.local("real")).unwrap(), b"old");
    site.same("f");
}

// fault: a FIFO, a device
#[test]
fn what_is_no_regular_file_is_written_straight_through() {
    let site = Site::on(Remote::with([Entry::sized("f", 200_000)]));
    let into = |path: std::path::PathBuf| {
        let pair = GetPair { local: LocalPath::named(&path, &path), ..site.get_pair(b"f") };
        site.told(site.start(Pairs::get([pair]), PRESERVE))
    };
    into("/dev/null".into()).succeeds();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let fifo = site.local("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo).unwrap()
    });
    into(fifo).succeeds();
    assert!(reader.join().unwrap() == fs::read(site.remote("f")).unwrap());
    if fs::metadata("/dev/full").is_ok() {
        into("/dev/full".into()).fails_with(&["write local \"/dev/full\": No space left on device"]);
        site.lives();
    }
}

#[test]
fn a_fifo_that_nobody_reads_can_be_left_by_ctrl_c() {
    let site = Site::on(Remote::with([Entry::sized("f", 100)]));
    assert!(Command::new("mkfifo").arg(site.local("f")).status().unwrap().success());
    let job = site.start_get(&["f"], PLAIN);
    job.canceller().cancel();
    assert!(site.told(job).report.cancelled);
    site.lives();
}

// fault: a directory in the way
#[test]
fn a_directory_in_the_way_is_said_and_so_is_a_missing_one() {
    let site = Site::with_local(Remote::with(["f"]), &[Entry::directory("f")]);
    site.get(&["f"], PLAIN).fails_with(&["open local \"f\": Is a directory"]);
    let pair = GetPair { local: LocalPath::named(site.local("no/f"), "no/f"), ..site.get_pair(b"f") };
    let told = site.told(site.start(Pairs::get([pair]), PLAIN));
    told.fails_with(&["open local \"no/f\": No such file or directory"]);
}

#[test]
fn where_we_may_not_write_nothing_is_written() {
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        // Root may write everything; a run of these tests as an ordinary user covers this case.
        return;
    }
    let closed = [Entry::file("f", "old").mode(0o444), Entry::file("d/g", "old"), Entry::directory("d").mode(0o555)];
    let site = Site::with_local(Remote::with(["f", "d/g", "d/h"]), &closed);
    site.get(&["f"], PLAIN).fails_with(&["open local \"f\": Permission denied"]);
    assert_eq!(fs::read(site.local("f")).unwrap(), b"old");
    let told = site.get(&["d/g", "d/h"], PLAIN);
    told.says("noted: d/g: written in place because its directory can't be written to");
    told.fails_with(&["open local \"d/h\": Permission denied"]);
    site.same("d/g");
}

/// A mount that lives as long as this value.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(words: &[&str], at: &'a Path) -> Mounted<'a> {
        assert!(Command::new("mount").args(words).arg(at).status().unwrap().success());
        Mounted(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
#[ignore = "needs root: mounts a file on another"]
fn needs_root_a_file_that_is_mounted_is_written_in_place() {
    let site =
        Site::with_local(Remote::with([Entry::sized("f", 9000)]), &[Entry::file("f", ""), Entry::file("g", "old")]);
    let target = site.local("f");
    let mounted = Mounted::new(&["--bind", site.local("g").to_str().unwrap()], &target);
    site.get(&["f"], PLAIN).succeeds().says("noted: f: written in place because something is mounted on it");
    site.same("f");
    drop(mounted);
    assert_eq!(fs::read(site.local("g")).unwrap().len(), 9000);
}

// fault: a full local disk
#[test]
#[ignore = "needs root: mounts a small file system"]
fn needs_root_a_full_disk_leaves_the_old_file_and_no_partial() {
    let site = Site::on(Remote::with([Entry::sized("f", 900_000), Entry::sized("g", 10)]));
    let disk = site.local("disk");
    fs::create_dir(&disk).unwrap();
    let _mounted = Mounted::new(&["-t", "tmpfs", "-o", "size=256k", "none"], &disk);
    fs::write(disk.join("f"), "old").unwrap();
    let into = |name: &str| {
        let local = LocalPath::named(disk.join(name), name);
        GetPair { local, ..site.get_pair(name.as_bytes()) }
    };
    let told = site.told(site.start(Pairs::get([into("f"), into("g")]), PLAIN));
    told.fails_with(&["write local \"f\": No space left on device"]);
    assert_eq!(fs::read(disk.join("f")).unwrap(), b"old");
    assert_eq!(super::site::names(&disk), ["f", "g"]);
}

#[test]
fn nobody_else_reads_a_partial() {
    let site = Site::on(Remote::with([Entry::sized("f", 1 << 20).mode(0o644)]).lying("die-at=500000"));
    let told = site.get(&["f"], PLAIN);
    assert!(told.report.lost.is_some());
    let partial = fs::read_dir(site.world.local()).unwrap().next().unwrap().unwrap();
    assert_eq!(partial.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_name_as_long_as_names_can_be_is_fetched() {
    let name = "ü".repeat(127);
    let site = Site::on(Remote::with([Entry::sized(&name, 100)]));
    site.get(&[&name], PLAIN).succeeds();
    site.same(&name);
    assert_eq!(site.local_names().len(), 1);
    let _ = symlink("unused", site.local("x"));
}

#[test]
fn an_old_file_that_is_replaced_keeps_its_extended_attributes() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let site = Site::with_local(Remote::with([Entry::sized("f", 9000)]), &[Entry::file("f", "old")]);
    let (path, names) = (site.local("f"), ["user.note", "user.other"]);
    // Not every file system has them.
    if names.iter().any(|name| setxattr(&path, *name, name.as_bytes(), XattrFlags::empty()).is_err()) {
        return;
    }
    let before = fs::metadata(&path).unwrap().ino();
    site.get(&["f"], PLAIN).succeeds();
    site.same("f");
    assert_ne!(fs::metadata(&path).unwrap().ino(), before, "it was replaced, not written in place");
    for name in names {
        let mut value = [0; 100];
        let length = getxattr(&path, name, &mut value[..]).unwrap();
        assert_eq!(&value[..length], name.as_bytes());
    }
}

#[test]
fn an_old_file_that_is_replaced_keeps_its_access_control_list() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let site = Site::with_local(Remote::with([Entry::sized("f", 9000)]), &[Entry::file("f", "old")]);
    // Version 2; its owner may write; user 1, the group, the mask and all others may read.
    let entry = |tag: u16, may: u16, id: u32| [&tag.to_le_bytes()[..], &may.to_le_bytes(), &id.to_le_bytes()].concat();
    let nobody = u32::MAX;
    let entries = [(1, 6, nobody), (2, 4, 1), (4, 4, nobody), (0x10, 4, nobody), (0x20, 4, nobody)];
    let list = [2_u32.to_le_bytes().to_vec(), entries.map(|(tag, may, id)| entry(tag, may, id)).concat()].concat();
    let (path, name) = (site.local("f"), "system.posix_acl_access");
    if setxattr(&path, name, &list, XattrFlags::empty()).is_err() {
        return;
    }
    let before = fs::metadata(&path).unwrap().ino();
    site.get(&["f"], PLAIN).succeeds();
    site.same("f");
    assert_ne!(fs::metadata(&path).unwrap().ino(), before, "it was replaced, not written in place");
    let mut value = [0; 100];
    let length = getxattr(&path, name, &mut value[..]).unwrap();
    assert_eq!(value[..length], list);
}
