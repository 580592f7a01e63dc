//! Working directories and small commands: `cd pwd lcd lpwd lmkdir lls ! lumask progress version help df bye`.

use crate::support::{Entry, Remote, Shell};

fn shell() -> Shell {
    Shell::on(Remote::with([Entry::from("dir/inner"), "file".into(), Entry::link("link", "dir")]))
        .here(["here/", "text"])
}

#[test]
fn cd_goes_to_directories_home_and_back() {
    shell()
        .types("cd link")
        .types("pwd")
        .types("cd")
        .types("pwd")
        .types("cd -")
        .types("pwd")
        .types("chdir ..")
        .types("pwd surplus")
        .as_batch()
        .succeeds()
        .answers(&[
            "Remote working directory: REMOTE/dir",
            "Remote working directory: REMOTE",
            "Remote working directory: REMOTE/dir",
            "Remote working directory: REMOTE",
        ]);
}

#[test]
fn cd_stays_where_it_is_when_it_can_not_go() {
    for (line, complaint) in [
        ("cd gone", &["stat remote: No such file or directory: \"REMOTE/gone\""][..]),
        ("cd no/where", &["realpath REMOTE/no/where: No such file or directory"]),
        ("cd file", &["Can't change directory: \"REMOTE/file\" is not a directory"]),
        ("cd -", &["Can't change directory: there is no previous directory"]),
    ] {
        shell()
            .types(&format!("-{line}"))
            .types("pwd")
            .as_batch()
            .succeeds()
            .complains(complaint)
            .answers(&["Remote working directory: REMOTE"]);
    }
}

#[test]
fn lcd_moves_what_is_local_and_nothing_else() {
    shell()
        .types("lcd here")
        .types("lpwd")
        .types("lmkdir one two")
        .types("!pwd")
        .types("lls")
        .types("get file")
        .types("lcd ..")
        .types("lchdir here/one")
        .types("lpwd")
        .as_batch()
        .succeeds()
        .answers(&[
            "Local working directory: LOCAL/here",
            "LOCAL/here",
            "one",
            "two",
            "Local working directory: LOCAL/here/one",
        ])
        .local_holds(&["here/", "here/file", "here/one/", "here/two/", "text"]);
}

// difference: home
#[test]
fn lcd_without_a_path_and_with_a_tilde_goes_home() {
    shell()
        .types("lcd")
        .types("lpwd")
        .types("lcd /")
        .types("lcd \"\"")
        .types("lpwd")
        .types("lcd ~/")
        .types("lpwd")
        .succeeds()
        .answers(&["Local working directory: HOME"; 3]);
}

#[test]
fn local_directories_that_can_not_be_are_refused() {
    for (line, complaint) in [
        ("lcd gone", "Couldn't change local directory to \"gone\": No such file or directory"),
        ("lcd text", "Couldn't change local directory to \"text\": Not a directory"),
        ("lcd ~no-such-user-here", "No such user no-such-user-here"),
        ("lmkdir here", "Couldn't create local directory \"here\": File exists"),
        ("lmkdir no/where", "Couldn't create local directory \"no/where\": No such file or directory"),
    ] {
        shell().types(line).types("lmkdir never").as_batch().exits(1).complains(&[complaint]).local_lacks("never");
    }
}

#[test]
fn a_local_shell_reads_its_own_quotes_and_its_failure_is_none_of_ours() {
    shell()
        .types("!echo \"don't\" # split 'this' | cat")
        .types("!echo it\\'s")
        .types("! echo a  b")
        .types("lls -d h*")
        .types("!exit 3")
        .types("lls /no/where 2>/dev/null")
        .as_batch()
        .succeeds()
        .answers(&["don't", "it's", "a b", "here"])
        .reports("Shell exited with status 3")
        .reports("Shell exited with status ");
}

#[test]
fn lumask_holds_for_what_is_created_here() {
    shell()
        .types("lumask 077")
        .types("lmkdir private")
        .types("lumask 22")
        .types("lmkdir public")
        .as_batch()
        .succeeds()
        .answers(&["Local umask: 077", "Local umask: 022"])
        .local_mode("private", 0o700)
        .local_mode("public", 0o755);
}

#[test]
fn small_answers_are_those_of_sftp() {
    shell().types("VERSION").types("progress").types("Progress").as_batch().succeeds().answers(&[
        "SFTP protocol version 3",
        "Progress meter enabled",
        "Progress meter disabled",
    ]);
}

#[test]
fn bye_ends_the_session_whatever_follows() {
    for line in ["bye", "exit", "QUIT", "bye now"] {
        shell().types(line).types("lmkdir never").as_batch().succeeds().quietly().local_lacks("never");
    }
}

#[test]
fn df_shows_the_file_system_of_a_path() {
    shell()
        .types("df")
        .types("df -h dir")
        .types("df -i /")
        .as_batch()
        .succeeds()
        .prints_line("        Size         Used        Avail       (root)    %Capacity")
        .prints_line("    Size     Used    Avail   (root)    %Capacity")
        .prints_line("     Inodes        Used       Avail      (root)    %Capacity");
    shell()
        .types("df gone")
        .as_batch()
        .exits(1)
        .complains(&["remote statvfs \"REMOTE/gone\": No such file or directory"]);
}

#[test]
fn help_lists_the_commands_and_explains_each() {
    shell().types("help").types("?").succeeds().prints("Available commands:\nalias ").prints("get [-afprLn]");
    shell()
        .types("help reget")
        .succeeds()
        .prints("Usage: reget [-afprLn] [-o dir] [--flags] remote... [local]")
        .prints("-p, --preserve                Preserve permissions and times");
    shell().types("help nonsense").as_batch().succeeds().prints("Available commands:").reports("Invalid command.");
}

#[test]
fn get_explains_itself() {
    shell().types("get --help").as_batch().succeeds().prints("Usage: get [-afprLn]");
}

#[test]
fn a_command_that_is_none_is_refused_with_the_nearest() {
    shell()
        .types("gte file")
        .types("lmkdir never")
        .as_batch()
        .exits(1)
        .complains(&["Invalid command. There is no \"gte\"."])
        .local_lacks("never");
}

#[test]
fn an_unknown_flag_names_those_that_are_known() {
    shell().types("rm -z file").as_batch().exits(1).complains(&["rm: Invalid flag -z"]).remote_still_has("file");
}
