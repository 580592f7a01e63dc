//! What is measured: the rows of the table.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::files::{self, SMALL_FILES};
use super::support::World;

/// One row of the table.
pub struct Row {
    pub name: &'static str,
    pub work: &'static str,
    /// What the ratio of our time to the peer's may be.
    pub promised: f64,
    /// What our memory may be at its peak, in MiB.
    pub memory: f64,
    pub line: Line,
    pub peer: Peer,
    /// Options of ours alone, and of both.
    pub ours: &'static [&'static str],
    pub both: &'static [&'static str],
    /// What sftpsh and sftp are told.
    pub batch: &'static str,
    /// The same for lftp, where it can do it.
    pub lftp: Option<&'static str>,
    /// The same for rclone, where it can do it: its words, in which `R:` stands before a path on the server.
    pub rclone: Option<&'static [&'static str]>,
    /// Makes what the row works on, once.
    pub build: fn(&World),
    /// Makes room, before each run.
    pub prepare: fn(&World),
    pub check: fn(&World, &[u8]) -> Result<(), String>,
}

/// What lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The loopback.
    Near,
    /// A round trip of 50 ms.
    Far,
    /// A round trip of 200 ms.
    Farther,
}

impl Line {
    pub const ALL: [Line; 3] = [Line::Near, Line::Far, Line::Farther];

    pub fn name(self) -> &'static str {
        match self {
            Line::Near => "near",
            Line::Far => "far",
            Line::Farther => "farther",
        }
    }

    /// Half of the round trip.
    pub fn one_way(self) -> Option<Duration> {
        match self {
            Line::Near => None,
            Line::Far => Some(Duration::from_millis(25)),
            Line::Farther => Some(Duration::from_millis(100)),
        }
    }
}

/// Whose time is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Sftp,
    Lftp,
}

const MEMORY: f64 = 64.0;
const MEMORY_OF_FOUR: f64 = 96.0;

const NEAR: Row = Row {
    name: "",
    work: "",
    promised: 1.0,
    memory: MEMORY,
    line: Line::Near,
    peer: Peer::Sftp,
    ours: &[],
    both: &[],
    batch: "",
    lftp: None,
    rclone: None,
    build: |_| (),
    prepare: |_| (),
    check: |_, _| Ok(()),
};

const FAR: Row = Row { line: Line::Far, ..NEAR };

const FARTHER: Row = Row { line: Line::Farther, ..NEAR };

/// What the entries of the largest directory take, and a process of an ordinary size.
const MEMORY_OF_A_MILLION: f64 = 110.0;

/// The cipher that OpenSSH does fastest where the processor helps.
const GCM: &[&str] = &["-c", "aes128-gcm@openssh.com"];

pub const ROWS: &[Row] = &[
    Row {
        name: "get-small",
        work: "get 5,000 files of 4 KiB",
        promised: 0.15,
        batch: "get small/* got\n",
        lftp: Some("mget -O got small/*"),
        rclone: Some(&["copy", "R:small", "got"]),
        build: |world| files::small(&world.remote().join("small"), SMALL_FILES),
        prepare: empty_got,
        check: |world, _| files::same_tree(&world.remote().join("small"), &world.local().join("got"), SMALL_FILES),
        ..NEAR
    },
    Row {
        name: "put-small",
        work: "put 5,000 files of 4 KiB",
        promised: 0.18,
        batch: "put small/* sent\n",
        lftp: Some("mput -O sent small/*"),
        rclone: Some(&["copy", "small", "R:sent"]),
        build: |world| files::small(&world.local().join("small"), SMALL_FILES),
        prepare: empty_sent,
        check: |world, _| files::same_tree(&world.local().join("small"), &world.remote().join("sent"), SMALL_FILES),
        ..NEAR
    },
    Row {
        name: "get-tree",
        work: "get a tree of 2,000 files in 200 directories",
        promised: 0.15,
        batch: "get -r tree got/\n",
        lftp: Some("mirror tree got/tree"),
        rclone: Some(&["copy", "R:tree", "got/tree"]),
        build: |world| files::tree(&world.remote().join("tree"), 200, 10),
        prepare: empty_got,
        check: |world, _| files::same_tree(&world.remote().join("tree"), &world.local().join("got/tree"), 2000),
        ..NEAR
    },
    Row {
        name: "put-tree",
        work: "put a tree of 2,000 files in 200 directories",
        promised: 0.20,
        batch: "put -r tree sent/\n",
        lftp: Some("mirror -R tree sent/tree"),
        rclone: Some(&["copy", "tree", "R:sent/tree"]),
        build: |world| files::tree(&world.local().join("tree"), 200, 10),
        prepare: empty_sent,
        check: |world, _| files::same_tree(&world.local().join("tree"), &world.remote().join("sent/tree"), 2000),
        ..NEAR
    },
    Row {
        name: "get-big",
        work: "get one file of 1 GiB",
        promised: 1.25,
        batch: "get big got\n",
        lftp: Some("get -O got big"),
        rclone: Some(&["copyto", "R:big", "got/big"]),
        build: |world| files::big(&world.remote().join("big"), 1 << 30),
        prepare: empty_got,
        check: |world, _| files::same(&world.remote().join("big"), &world.local().join("got/big")),
        ..NEAR
    },
    Row {
        name: "put-big",
        work: "put one file of 1 GiB",
        promised: 1.05,
        batch: "put big sent\n",
        lftp: Some("put -O sent big"),
        rclone: Some(&["copyto", "big", "R:sent/big"]),
        build: |world| files::big(&world.local().join("big"), 1 << 30),
        prepare: empty_sent,
        check: |world, _| files::same(&world.local().join("big"), &world.remote().join("sent/big")),
        ..NEAR
    },
    Row {
        name: "get-big-ssh",
        work: "get one file of 1 GiB, -S ssh, aes128-gcm",
        promised: 0.60,
        ours: &["-S", "ssh"],
        both: GCM,
        batch: "get big got\n",
        build: |world| files::big(&world.remote().join("big"), 1 << 30),
        prepare: empty_got,
        check: |world, _| files::same(&world.remote().join("big"), &world.local().join("got/big")),
        ..NEAR
    },
    Row {
        name: "put-big-ssh",
        work: "put one file of 1 GiB, -S ssh, aes128-gcm",
        promised: 0.70,
        ours: &["-S", "ssh"],
        both: GCM,
        batch: "put big sent\n",
        build: |world| files::big(&world.local().join("big"), 1 << 30),
        prepare: empty_sent,
        check: |world, _| files::same(&world.local().join("big"), &world.remote().join("sent/big")),
        ..NEAR
    },
    Row {
        name: "list",
        work: "list 20,000 entries",
        promised: 0.40,
        batch: "ls -1 entries\n",
        lftp: Some("cls -1 entries"),
        build: |world| files::empty_ones(&world.remote().join("entries"), 20_000),
        check: |_, stdout| files::lists(stdout, "entries", 20_000),
        ..NEAR
    },
    Row {
        name: "list-million",
        work: "list 1,000,000 entries",
        promised: 0.55,
        memory: MEMORY_OF_A_MILLION,
        batch: "ls -1 million\n",
        build: |world| files::empty_ones(&world.remote().join("million"), 1_000_000),
        check: |_, stdout| files::lists(stdout, "million", 1_000_000),
        ..NEAR
    },
    Row { name: "start", work: "start to prompt", promised: 0.80, ..NEAR },
    Row {
        name: "far-get-small",
        work: "get 300 files of 4 KiB",
        promised: 0.012,
        batch: "get few/* got\n",
        lftp: Some("mget -O got few/*"),
        rclone: Some(&["copy", "R:few", "got"]),
        build: |world| files::small(&world.remote().join("few"), 300),
        prepare: empty_got,
        check: |world, _| files::same_tree(&world.remote().join("few"), &world.local().join("got"), 300),
        ..FAR
    },
    Row {
        name: "far-put-small",
        work: "put 300 files of 4 KiB",
        promised: 0.014,
        batch: "put few/* sent\n",
        lftp: Some("mput -O sent few/*"),
        rclone: Some(&["copy", "few", "R:sent"]),
        build: |world| files::small(&world.local().join("few"), 300),
        prepare: empty_sent,
        check: |world, _| files::same_tree(&world.local().join("few"), &world.remote().join("sent"), 300),
        ..FAR
    },
    Row {
        name: "far-get-tree",
        work: "get a tree of 300 files in 60 directories",
        promised: 0.02,
        batch: "get -r grove got/\n",
        lftp: Some("mirror grove got/grove"),
        rclone: Some(&["copy", "R:grove", "got/grove"]),
        build: |world| files::tree(&world.remote().join("grove"), 60, 5),
        prepare: empty_got,
        check: |world, _| files::same_tree(&world.remote().join("grove"), &world.local().join("got/grove"), 300),
        ..FAR
    },
    Row {
        name: "far-put-tree",
        work: "put a tree of 300 files in 60 directories",
        promised: 0.03,
        batch: "put -r grove sent/\n",
        lftp: Some("mirror -R grove sent/grove"),
        rclone: Some(&["copy", "grove", "R:sent/grove"]),
        build: |world| files::tree(&world.local().join("grove"), 60, 5),
        prepare: empty_sent,
        check: |world, _| files::same_tree(&world.local().join("grove"), &world.remote().join("sent/grove"), 300),
        ..FAR
    },
    Row {
        name: "far-get-64",
        work: "get one file of 64 MiB",
        promised: 0.37,
        batch: "get far64 got\n",
        lftp: Some("get -O got far64"),
        rclone: Some(&["copyto", "R:far64", "got/far64"]),
        build: |world| files::big(&world.remote().join("far64"), 64 << 20),
        prepare: empty_got,
        check: |world, _| files::same(&world.remote().join("far64"), &world.local().join("got/far64")),
        ..FAR
    },
    Row {
        name: "far-put-64",
        work: "put one file of 64 MiB",
        promised: 0.65,
        batch: "put far64 sent\n",
        lftp: Some("put -O sent far64"),
        rclone: Some(&["copyto", "far64", "R:sent/far64"]),
        build: |world| files::big(&world.local().join("far64"), 64 << 20),
        prepare: empty_sent,
        check: |world, _| files::same(&world.local().join("far64"), &world.remote().join("sent/far64")),
        ..FAR
    },
    Row { name: "far-get-256", work: "get one file of 256 MiB", promised: 0.25, ..FAR_GET_256 },
    Row {
        name: "far-get-256-j4",
        work: "get one file of 256 MiB, -j 4",
        promised: 0.22,
        memory: MEMORY_OF_FOUR,
        ours: &["-j", "4"],
        ..FAR_GET_256
    },
    Row { name: "far-put-256", work: "put one file of 256 MiB", promised: 0.45, ..FAR_PUT_256 },
    Row {
        name: "far-put-256-j4",
        work: "put one file of 256 MiB, -j 4",
        promised: 0.36,
        memory: MEMORY_OF_FOUR,
        ours: &["-j", "4"],
        ..FAR_PUT_256
    },
    Row {
        name: "far-list",
        work: "list 20,000 entries",
        promised: 0.10,
        batch: "ls -1 entries\n",
        build: |world| files::empty_ones(&world.remote().join("entries"), 20_000),
        check: |_, stdout| files::lists(stdout, "entries", 20_000),
        ..FAR
    },
    Row {
        name: "far-list-glob",
        work: "list 2,000 entries by a pattern",
        promised: 0.01,
        batch: "ls -1 some/*\n",
        build: |world| files::empty_ones(&world.remote().join("some"), 2000),
        check: |_, stdout| files::lists(stdout, "some", 2000),
        ..FAR
    },
    Row {
        name: "far-remove",
        work: "rm -r of 1,000 files in 100 directories",
        promised: 0.02,
        peer: Peer::Lftp,
        batch: "rm -r doomed\n",
        lftp: Some("rm -r doomed"),
        rclone: Some(&["purge", "R:doomed"]),
        prepare: |world| {
            let doomed = world.remote().join("doomed");
            let _ = fs::remove_dir_all(&doomed);
            files::tree(&doomed, 100, 10);
        },
        check: |world, _| match world.remote().join("doomed").exists() {
            false => Ok(()),
            true => Err("it is still there".to_owned()),
        },
        ..FAR
    },
    Row { name: "far-start", work: "start to prompt", promised: 0.75, ..FAR },
    Row {
        name: "farther-get-small",
        work: "get 100 files of 4 KiB",
        promised: 0.04,
        batch: "get fewer/* got\n",
        build: |world| files::small(&world.remote().join("fewer"), 100),
        prepare: empty_got,
        check: |world, _| files::same_tree(&world.remote().join("fewer"), &world.local().join("got"), 100),
        ..FARTHER
    },
    Row {
        name: "farther-put-small",
        work: "put 100 files of 4 KiB",
        promised: 0.05,
        batch: "put fewer/* sent\n",
        build: |world| files::small(&world.local().join("fewer"), 100),
        prepare: empty_sent,
        check: |world, _| files::same_tree(&world.local().join("fewer"), &world.remote().join("sent"), 100),
        ..FARTHER
    },
    Row {
        name: "farther-get-256",
        work: "get one file of 256 MiB",
        line: Line::Farther,
        promised: 0.25,
        ..FAR_GET_256
    },
    Row {
        name: "farther-put-256",
        work: "put one file of 256 MiB",
        line: Line::Farther,
        promised: 0.40,
        ..FAR_PUT_256
    },
    Row { name: "farther-start", work: "start to prompt", promised: 0.75, ..FARTHER },
];

const FAR_GET_256: Row = Row {
    batch: "get far256 got\n",
    build: |world| files::big(&world.remote().join("far256"), 256 << 20),
    prepare: empty_got,
    check: |world, _| files::same(&world.remote().join("far256"), &world.local().join("got/far256")),
    ..FAR
};

const FAR_PUT_256: Row = Row {
    batch: "put far256 sent\n",
    build: |world| files::big(&world.local().join("far256"), 256 << 20),
    prepare: empty_sent,
    check: |world, _| files::same(&world.local().join("far256"), &world.remote().join("sent/far256")),
    ..FAR
};

fn empty_got(world: &World) {
    empty(&world.local().join("got"));
}

fn empty_sent(world: &World) {
    empty(&world.remote().join("sent"));
}

fn empty(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).unwrap();
}
