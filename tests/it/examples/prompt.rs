//! Lines for the prompt, with their effects.

use super::Effect::{self, Before, Fails, Local, Mode, NoLocal, NoRemote, Notes, Prints, PrintsNo, Then, There};
use super::Row;
use crate::support::{Entry, Outcome, Remote, Shell};

pub(super) const LINES: &[Row] = &[
    ("cd www", &[Then("pwd"), Prints("REMOTE/www\n")]),
    ("cd -", &[Before("cd www"), Then("pwd"), Prints("REMOTE\n")]),
    ("chmod 644 *.html", &[Mode("index.html", 0o644)]),
    ("chmod go-w notes.txt", &[Mode("notes.txt", 0o644)]),
    ("chown 1000 *.log", &[Then("ls -n a.log"), Prints(" 1000 ")]),
    ("chgrp 100 *.log", &[Then("ls -n a.log"), Prints(" 100 ")]),
    ("cp index.html index.html.bak", &[There("index.html.bak"), There("index.html")]),
    ("df -h", &[Prints("Avail")]),
    ("du -sh *", &[Prints("big.log"), Prints("site"), PrintsNo("site/a")]),
    ("du -h -d 1 /srv", &[Prints("/srv")]),
    ("find -name '*.log' -size +10M", &[Prints("big.log"), PrintsNo("a.log"), PrintsNo("notes")]),
    ("find /srv -type f -newer-than 2d", &[]),
    ("get messages.*", &[Local("messages.1"), Local("messages.2"), NoLocal("a.tmp")]),
    ("get notes.txt copy.txt", &[Local("copy.txt")]),
    ("get -r site backup", &[Local("backup/a"), Local("backup/x.o")]),
    ("get -r --exclude '*.o' site", &[Local("site/a"), NoLocal("site/x.o")]),
    ("get -r --exclude '*.o' --include keep.o site", &[Local("site/keep.o"), NoLocal("site/x.o")]),
    ("help get", &[Prints("Usage: get")]),
    ("ln notes.txt again.txt", &[There("again.txt")]),
    ("ln -s notes.txt link", &[There("link")]),
    ("ls -l", &[Prints("notes.txt"), Prints("-rw-")]),
    ("ls -1tr *.log", &[Prints("a.log\n"), PrintsNo("notes.txt")]),
    ("history 20", &[PrintsNo("history:")]),
    ("history clear", &[Then("history"), PrintsNo("history 20")]),
    ("ls --json *.log", &[Prints("\"name\":\"a.log\""), PrintsNo("notes.txt")]),
    ("find -name '*.tmp' -o -empty", &[Prints("a.tmp\n"), PrintsNo("big.log")]),
    ("ls -F", &[Prints("site/")]),
    ("ls -R", &[Prints(".:\n"), Prints("./site:\n")]),
    ("ls -d", &[Prints("./")]),
    ("ls -RF --sort=ext site", &[Prints("site:\n"), Prints("a  ")]),
    ("ls {src,tests}/*.rs", &[Prints("src/a.rs"), Prints("tests/b.rs")]),
    ("mkdir photos", &[There("photos")]),
    ("mkdir -p a/b/c", &[There("a/b/c")]),
    ("put *.html", &[There("a.html"), NoRemote("mine.txt")]),
    ("put notes.txt docs", &[There("docs/notes.txt")]),
    ("put -r site www", &[There("www/site/mine")]),
    ("put -r --exclude '*.o' site", &[There("site/mine"), NoRemote("site/y.o")]),
    ("rename draft.txt final.txt", &[There("final.txt"), NoRemote("draft.txt")]),
    ("rm *.tmp", &[NoRemote("a.tmp"), There("a.log")]),
    ("rm -r old", &[NoRemote("old")]),
    ("set", &[Prints("jobs")]),
    ("set limit", &[Prints("limit\noff\n")]),
    ("set limit 5M", &[Then("set"), Prints("limit     5M")]),
    ("set limit off", &[Then("set"), Prints("limit     off")]),
    ("set jobs 4", &[Then("set"), Prints("jobs      4")]),
    ("set editing vi", &[Then("set"), Prints("editing   vi")]),
    ("set retry 10", &[Then("set"), Prints("retry     10")]),
    ("set sizes estimate", &[Then("set"), Prints("sizes     estimate")]),
    ("set progress plain", &[Then("set"), Prints("progress  plain")]),
    ("!wc -l *.log", &[Prints("a.log")]),
    ("lls -lt", &[Prints("a.html")]),
    // Further lines of the docs.
    ("cd logs", &[Then("pwd"), Prints("REMOTE/logs\n")]),
    ("cd ./-", &[Before("mkdir ./-"), Then("pwd"), Prints("REMOTE/-\n")]),
    ("chgrp users file", &[Before("cp notes.txt file"), Then("ls -l file"), Prints(" users ")]),
    ("chmod 644 x y", &[Before("cp draft.txt x"), Before("cp draft.txt y"), Mode("x", 0o644), Mode("y", 0o644)]),
    ("chmod u+x,go-w file", &[Before("cp notes.txt file"), Before("chmod 666 file"), Mode("file", 0o744)]),
    ("cp file dir", &[Before("cp notes.txt file"), Before("mkdir dir"), There("dir/file"), There("file")]),
    ("get -r .*", &[Before("mkdir .hid"), Before("cp a.log .hid/in"), Local(".hid/in"), NoLocal("remote")]),
    (
        "get a b dir",
        &[Before("cp a.log a"), Before("cp a.log b"), Before("lmkdir dir"), Local("dir/a"), Local("dir/b")],
    ),
    ("get x > y", &[Before("cp a.log x"), Fails("Redirection is"), NoLocal(">"), NoLocal("y"), NoLocal("x")]),
    ("get x ~/dir/", &[Before("cp a.log x"), Before("!mkdir ~/dir"), Then("!ls ~/dir/x"), Prints("HOME/dir/x\n")]),
    ("ls */*", &[Prints("site/a"), Prints("old/x"), PrintsNo("notes.txt")]),
    ("ls --json", &[Prints("\"name\":\"notes.txt\"")]),
    ("ls -0", &[Prints("a.log\0a.tmp\0")]),
    ("ls -1", &[Prints("\na.log\na.tmp\n")]),
    ("ls -n", &[Prints("-rw"), Prints("notes.txt")]),
    ("ls -l messages.*", &[Prints("-rw"), Prints("messages.2"), PrintsNo("notes.txt")]),
    ("ls a b", &[Before("cp a.log a"), Before("cp a.log b"), Prints("a  b")]),
    ("ls dir -l", &[Before("mkdir dir"), Before("cp a.log dir/in"), Prints("-rw"), Prints("in\n")]),
    ("mkdir a b", &[There("a"), There("b")]),
    ("put a b dir", &[Before("!touch a b"), Before("mkdir dir"), There("dir/a"), There("dir/b")]),
    ("put ~/x", &[Before("!touch ~/x"), There("x")]),
    ("rm *", &[Fails("directory"), NoRemote("a.log"), There("site/a")]),
    ("rm a* b*", &[NoRemote("a.log"), NoRemote("a.tmp"), NoRemote("big.log"), There("index.html")]),
    ("rmdir a b", &[Before("mkdir a b"), NoRemote("a"), NoRemote("b")]),
    ("set progress json", &[Then("set"), Prints("progress  json")]),
    // The guide.
    ("get --newer-than 2d logs/*.log", &[Local("app.log"), Local("error.log")]),
    (
        "put -r --dry-run site www",
        &[Prints("would make the directory"), Prints("would send site/mine"), NoRemote("www/site")],
    ),
    ("put -r --atomic site www", &[There("www/site/mine"), There("www/site/y.o")]),
    (
        "reget big.log",
        &[
            Before("get big.log"),
            Before("!truncate -s 1000 big.log"),
            Then("!wc -c big.log"),
            Prints("11534336 big.log\n"),
        ],
    ),
    (
        "reput big.iso",
        &[
            Before("!seq 9999 > big.iso"),
            Before("put big.iso"),
            Before("!echo more >> big.iso"),
            Then("ls -n big.iso"),
            Prints(" 48893 "),
        ],
    ),
    (
        "-mkdir releases\ncd releases\n@put --atomic notes.txt\nls -l",
        &[There("releases/notes.txt"), Prints("sftp> ls -l"), PrintsNo("sftp> @put")],
    ),
    (
        "put -r -p --on-conflict newer --exclude-from .gitignore site www",
        &[
            Before("!echo '*.o' > .gitignore"),
            Before("mkdir www/site"),
            Before("put -p site/mine www/site"),
            Before("!touch site/new"),
            Notes("REMOTE/www/site/mine exists already and is not older: skipped"),
            There("www/site/new"),
            NoRemote("www/site/y.o"),
        ],
    ),
    ("get --verify big.log", &[Notes("1 file was read back and is equal to its source"), Local("big.log")]),
    ("put --verify=read notes.txt", &[Notes("1 file was read back and is equal to its source")]),
    ("cat notes.txt", &[Prints("notes")]),
    ("head *.log", &[Prints("==> a.log <==\n"), Prints("\n==> big.log <==\n")]),
    ("head -c 1K big.log", &[PrintsNo("==>")]),
    ("tail -n 20 big.log", &[PrintsNo("==>")]),
    ("less big.log", &[]),
    ("zcat messages.*", &[Prints("messages.1")]),
    ("zless messages.2.gz", &[Before("cp a.log messages.2.gz")]),
    ("stat notes.txt", &[Prints("    mode: -rw-rw-rw- (0666)\n")]),
    ("stat --json *.log", &[Prints("{\"name\":\"a.log\",")]),
    ("touch done", &[There("done")]),
    ("touch -d 2026-11-01 notes.txt", &[Then("stat notes.txt"), Prints("modified: 2026-11-01T00:00:00")]),
    ("mv draft.txt final.txt", &[There("final.txt"), NoRemote("draft.txt")]),
    ("mv *.log old", &[There("old/a.log"), NoRemote("a.log")]),
    ("jobs", &[PrintsNo("running")]),
    ("jobs --json", &[PrintsNo("{")]),
    ("wc -l *.log", &[Prints("       1 a.log\n"), Prints(" total\n")]),
];

/// Types a line with those before and after it; none of them is echoed.
pub(super) fn run(line: &str, effects: &[Effect]) -> Outcome {
    let files = ["messages.1", "messages.2", "a.tmp", "a.log", "old/x"];
    let trees = [
        "site/a",
        "site/x.o",
        "site/keep.o",
        "www/",
        "docs/",
        "src/a.rs",
        "tests/b.rs",
        "logs/app.log",
        "logs/error.log",
    ];
    let odd = [Entry::sized("big.log", 11 << 20), Entry::file("notes.txt", "notes").mode(0o666)];
    // No mode that a test expects exists from the start.
    let closed = ["index.html", "draft.txt"].map(|name| Entry::from(name).mode(0o600));
    let shell = Shell::on(Remote::with(files).and(trees).and(odd).and(closed));
    let shell = shell.here(["a.log", "a.html", "mine.txt", "notes.txt", "site/mine", "site/y.o"]);
    let beside = |shell: Shell, line: &str| shell.types(&format!("@{line}"));
    let before = effects.iter().filter_map(|effect| if let Before(line) = effect { Some(line) } else { None });
    let after = effects.iter().filter_map(|effect| if let Then(line) = effect { Some(line) } else { None });
    let shell = before.fold(shell, |shell, line| beside(shell, line)).types(line);
    after.fold(shell, |shell, line| beside(shell, line)).as_batch().run()
}
