//! Directories like /tmp: links of other users are not followed, and their files are not written.

use crate::support::{Entry, Outcome, Remote, Shell, World};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::PathBuf;

/// Another user.
const OTHER: u32 = 65534;

/// Creates a shared directory `tmp` in the local one, in which another user has put links, a file and a FIFO.
fn plant(world: &World) {
    let at = |name: &str| -> PathBuf { world.local().join("tmp").join(name) };
    fs::create_dir(at("")).unwrap();
    fs::set_permissions(at(""), fs::Permissions::from_mode(0o1777)).unwrap();
    for (name, target) in [("link", "../victim"), ("place", "../directory"), ("script", "../script")] {
        symlink(target, at(name)).unwrap();
        lchown(at(name), Some(OTHER), None).unwrap();
    }
    // A path through one of their links counts as theirs.
    symlink("tmp/link", world.local().join("way")).unwrap();
    fs::write(at("file"), "theirs").unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
    assert!(fifo.success());
    for name in ["file", "fifo"] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o666)).unwrap();
        chown(at(name), Some(OTHER), None).unwrap();
    }
    for (name, contents) in [("victim", "kept"), ("script", "mkdir made\n"), ("secret", "word\n")] {
        fs::write(world.local().join(name), contents).unwrap();
    }
    fs::set_permissions(world.local().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(world.local().join("directory")).unwrap();
}

fn shell() -> Shell {
    Shell::on(Remote::with([Entry::file("f", "new"), Entry::file("tree/g", "new")])).prepare(plant)
}

fn is_untouched(outcome: Outcome) -> Outcome {
    outcome.local_file("victim", "kept").local_file("tmp/file", "theirs").local_holds(&[
        "directory/",
        "script",
        "secret",
        "tmp/",
        "tmp/fifo",
        "tmp/file",
        "tmp/link",
        "tmp/place",
        "tmp/script",
        "victim",
        "way",
    ])
}

// difference: shared-directories
#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_what_others_put_into_a_shared_directory_is_left_alone() {
    for line in [
        "get f tmp/link",
        "get f way",
        "get f tmp/file",
        "get f tmp/fifo",
        "get -a f tmp/link",
        "put tmp/link",
        "put way",
        "put -r tmp/place",
        "put -r tmp/place/",
        "lcd tmp/place",
        "lcd tmp/place/",
        "get f tmp/place",
        "get f tmp/place/",
        "get -r tree tmp/place",
        "get -r tree tmp/place/",
        "get --exclude-from tmp/link -r tree",
    ] {
        is_untouched(shell().types(line).as_batch().exits(1).reports("ermission denied"))
            .remote_holds(&["f", "tree/", "tree/g"]);
    }
}

#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_a_refusal_says_which_rule_it_follows() {
    const LINK: &str = "Permission denied (a link that another user put into a shared directory is not followed)";
    const FILE: &str = "Permission denied (a file that another user put into a shared directory is not written to)";
    for (line, begins, why) in [
        ("get f tmp/link", "open local \"tmp/link\": ", LINK),
        ("get -o tmp/place f", "open local \"tmp/place\": ", LINK),
        ("get -o tmp/place/ f", "open local \"tmp/place/\": ", LINK),
        ("get -o tmp/place f tree/g", "open local \"tmp/place\": ", LINK),
        ("get f tree/g tmp/place", "open local \"tmp/place\": ", LINK),
        ("get -r tree tmp/place", "mkdir tmp/place: ", LINK),
        ("get -rn tree tmp/place", "mkdir tmp/place: ", LINK),
        ("get -n f tmp/link", "open local \"tmp/link\": ", LINK),
        ("get f tmp/file", "open local \"tmp/file\": ", FILE),
        ("get f tmp/fifo", "open local \"tmp/fifo\": ", FILE),
        ("put tmp/link", "stat tmp/link: ", LINK),
        ("put -r tmp/place", "stat tmp/place/: ", LINK),
        ("lcd tmp/place", "Couldn't change local directory to \"tmp/place\": ", LINK),
    ] {
        let outcome = shell().types(line).as_batch().exits(1).reports(&format!("{begins}{why}"));
        is_untouched(outcome.reports_no("Multiple"));
    }
}

#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_scripts_and_passwords_are_not_read_through_links_of_others() {
    let outcome = shell().with_args(["-b", "tmp/script"]).exits(255);
    is_untouched(outcome.reports("Permission denied (tmp/script).")).remote_lacks("made");
    let link = |world: &World| {
        symlink("../secret", world.local().join("tmp/secret")).unwrap();
        lchown(world.local().join("tmp/secret"), Some(OTHER), None).unwrap();
    };
    let shell = Shell::on(Remote::empty().over_ssh()).prepare(plant).prepare(link);
    shell.with_args(["--password-file", "tmp/secret"]).reports("ermission denied").exits(255);
}

/// A host whose key is known in a file that is reached through a link of another user.
fn host_known_by_link_of_another() -> Shell {
    let shell = Shell::on(Remote::empty().over_ssh().unknown_to_us()).prepare(plant);
    let known = shell.sshd().known_hosts();
    shell.prepare(|world| fs::write(world.local().join("victim"), known).unwrap())
}

#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_host_keys_are_not_looked_up_or_added_through_links_of_others() {
    let shell = host_known_by_link_of_another();
    let known = shell.sshd().known_hosts();
    let outcome = shell.with_args(["-oUserKnownHostsFile=tmp/link", "-oStrictHostKeyChecking=yes"]).types("pwd");
    outcome.as_batch().exits(255).reports("Host key verification failed.");

    let words = ["-oUserKnownHostsFile=tmp/link", "-oStrictHostKeyChecking=accept-new"];
    let outcome = host_known_by_link_of_another().with_args(words).types("pwd").as_batch().succeeds();
    let outcome = outcome.reports("Failed to add the host to the list of known hosts");
    assert_eq!(
        fs::read_to_string(outcome.the_world().local().join("victim")).unwrap().lines().count(),
        known.lines().count()
    );

    // The link is used if it belongs to the user.
    let own = |world: &World| lchown(world.local().join("tmp/link"), Some(0), None).unwrap();
    let words = ["-oUserKnownHostsFile=tmp/link", "-oStrictHostKeyChecking=yes"];
    host_known_by_link_of_another().prepare(own).with_args(words).types("pwd").as_batch().succeeds();
}

#[test]
#[ignore = "needs root: gives files to others"]
fn needs_root_what_is_our_own_or_the_directorys_is_used_as_ever() {
    for owner in [0, 1] {
        let outcome = shell()
            .prepare(|world| {
                let at = |name: &str| world.local().join("tmp").join(name);
                chown(at(""), Some(owner), None).unwrap();
                for name in ["link", "place", "file"] {
                    lchown(at(name), Some(owner), None).unwrap();
                }
            })
            .types("get f tmp/link")
            .types("get f tmp/file")
            .types("get -r tree tmp/place")
            .types("put tmp/link sent")
            .types("get -r tree tmp/place/")
            .types("lcd tmp/place/")
            .as_batch()
            .succeeds();
        let outcome = outcome.local_file("victim", "new").local_file("tmp/file", "new").local_has("directory/tree/g");
        let file = fs::metadata(outcome.the_world().local().join("tmp/file")).unwrap();
        assert_eq!(file.uid(), owner, "it was written in place");
        outcome.remote_file("sent", "new");
    }
}
