//! `--progress json`: the output for programs while files are transferred.

use serde_json::{Value, json};

use crate::support::{Entry, Relay, Remote, Shell, noise};

/// Parses stdout, which must consist of objects only.
fn objects(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// Returns the values of a member in the objects of one kind.
fn members(objects: &[Value], event: &str, member: &str) -> Vec<Value> {
    objects.iter().filter(|object| object["event"] == event).map(|object| object[member].clone()).collect()
}

fn json() -> [&'static str; 2] {
    ["--progress", "json"]
}

// difference: own-options
#[test]
fn every_file_starts_and_finishes_and_the_job_ends() {
    let tree = [Entry::sized("t/a", 1000), Entry::file(b"t/b/caf\xe9", "1"), Entry::sized("t/z", 5)];
    let outcome = Shell::on(Remote::with(tree)).with_args(json()).types("@get -r t").succeeds().quietly();
    let objects = objects(outcome.stdout());
    assert_eq!(members(&objects, "directory", "source"), ["REMOTE/t", "REMOTE/t/b"]);
    assert_eq!(members(&objects, "start", "file"), ["a", "caf\u{fffd}", "z"]);
    assert_eq!(members(&objects, "start", "file_base64"), [Value::Null, json!("Y2Fm6Q=="), Value::Null]);
    assert_eq!(members(&objects, "finish", "target"), ["t/a", "t/b/caf\u{fffd}", "t/z"]);
    assert_eq!(members(&objects, "finish", "bytes"), [1000, 1, 5]);
    let end = objects.last().unwrap();
    assert_eq!(
        (&end["event"], &end["ok"], &end["files"], &end["bytes"]),
        (&json!("end"), &json!(true), &json!(3), &json!(1006))
    );
    assert!(end["seconds"].is_number() && end["cancelled"] == false && end["connected"] == true, "{end}");
}

#[test]
fn what_a_resume_finds_in_place_has_not_moved() {
    const THERE: usize = 4_000_000;
    const MOVED: usize = 200_000;
    let (whole, begun) = (noise(b"big", THERE + MOVED), noise(b"big", THERE + MOVED)[..THERE].to_vec());
    let (whole, begun) = (Entry::file("big", whole), Entry::file("big", begun));
    for (line, remote, local) in [("@reget big", &whole, &begun), ("@reput big", &begun, &whole)] {
        let shell = Shell::on(Remote::with([remote.clone()]).over_ssh()).here([local.clone()]);
        let shell = shell.through(Relay::plain().bytes_per_second(400_000));
        let objects = objects(shell.with_args(json()).types(line).succeeds().stdout());
        let done = members(&objects, "progress", "all_bytes_done");
        assert!(done.iter().all(|done| done.as_u64() >= Some(THERE as u64)), "{line}: {done:?}");
        let rates = members(&objects, "progress", "bytes_per_second");
        // At most everything that is transferred, divided by the shortest period for a rate.
        assert!(!rates.is_empty() && rates.iter().all(|rate| rate.as_u64() <= Some(2_000_000)), "{line}: {rates:?}");
        assert_eq!(members(&objects, "end", "bytes"), [json!(MOVED)], "{line}");
    }
}

#[test]
fn a_file_takes_no_time_while_it_waits_for_others() {
    let files: Vec<Entry> = (0..20).map(|number| Entry::sized(format!("{number:02}"), 20_000)).collect();
    for line in ["@get *", "@put *"] {
        let (remote, local) = if line == "@get *" { (files.clone(), vec![]) } else { (vec![], files.clone()) };
        let shell = Shell::on(Remote::with(remote).over_ssh()).here(local);
        let shell = shell.through(Relay::plain().bytes_per_second(400_000));
        let objects = objects(shell.with_args(json()).types(line).succeeds().stdout());
        let seconds = |event| -> Vec<f64> {
            members(&objects, event, "seconds").iter().map(|seconds| seconds.as_f64().unwrap()).collect()
        };
        let (files, all) = (seconds("finish"), seconds("end")[0]);
        // Each is rounded to a millisecond.
        assert!(files.len() == 20 && files.iter().sum::<f64>() <= all + 0.020, "{line}: {files:?} of {all}");
    }
}

#[test]
fn progress_tells_of_the_file_and_of_the_job() {
    let files = [Entry::sized("a", 300_000), Entry::sized("b", 300_000)];
    let shell = Shell::on(Remote::with(files).over_ssh()).through(Relay::plain().bytes_per_second(400_000));
    let outcome = shell.with_args(json()).types("@get ?").succeeds();
    let objects = objects(outcome.stdout());
    let numbers = |member| -> Vec<u64> {
        members(&objects, "progress", member).iter().map(|number| number.as_u64().unwrap()).collect()
    };
    let (bytes, all) = (numbers("bytes"), numbers("all_bytes_done"));
    assert!(bytes.len() > 5, "{bytes:?}");
    assert!(all.is_sorted() && all.iter().all(|&bytes| bytes <= 600_000), "{all:?}");
    for object in objects.iter().filter(|object| object["event"] == "progress") {
        let percent = object["bytes"].as_u64().unwrap() * 100 / 300_000;
        assert_eq!((&object["total"], &object["percent"]), (&json!(300_000), &json!(percent)), "{object}");
        assert_eq!((&object["files"], &object["all_bytes"]), (&json!(2), &json!(600_000)), "{object}");
    }
    assert!(members(&objects, "progress", "bytes_per_second").iter().any(|rate| rate.as_u64() > Some(0)));
    assert!(members(&objects, "progress", "seconds_left").iter().any(Value::is_number));
}

/// A job whose files end in all ways: skipped, refused, transferred.
fn a_job_of_all_fates(get: bool) -> (Shell, &'static str) {
    let files = || ["a", "b", "c", "d", "e"].map(|name| Entry::sized(format!("t/{name}"), 150_000)).to_vec();
    let there =
        vec![Entry::sized("t/a", 10), Entry::sized("t/d", 10), Entry::directory("t/c"), Entry::directory("t/e")];
    let (remote, here) = if get { (files(), there) } else { (there, files()) };
    let shell = Shell::on(Remote::with(remote).over_ssh()).here(here);
    let line = if get { "@get -r --on-conflict=skip t" } else { "@put -r --on-conflict=skip t" };
    (shell.through(Relay::plain().bytes_per_second(400_000)).with_args(json()), line)
}

#[test]
fn a_job_ends_at_all_of_what_it_moves() {
    for (get, extra) in [(true, ""), (false, ""), (true, " t/nothing"), (false, " t/nothing")] {
        let (shell, line) = a_job_of_all_fates(get);
        let line = format!("{line}{extra}").replace(" t t/nothing", " -o . t t/nothing");
        let outcome = shell.types(&line).run();
        let objects = objects(outcome.stdout());
        let last = objects.iter().rfind(|object| object["event"] == "progress").unwrap();
        let end = objects.last().unwrap();
        assert_eq!(end["files"], members(&objects, "finish", "file").len(), "{line}");
        assert_eq!((&last["files"], &last["files_done"]), (&end["files"], &end["files"]), "{line}: {last}");
        let whole =
            json!(members(&objects, "finish", "bytes").iter().map(|bytes| bytes.as_u64().unwrap()).sum::<u64>());
        assert_eq!((&last["all_bytes"], &last["all_bytes_done"]), (&whole, &whole), "{line}: {last}");
    }
}

#[test]
fn a_file_that_fails_half_way_leaves_the_total() {
    let files = [Entry::sized("a", 200_000), Entry::sized("b", 90_000)];
    let shell = Shell::on(Remote::with(files).lying("read-fails-at=100000")).with_args(json());
    let objects = objects(shell.types("@get ?").run().stdout());
    let last = objects.iter().rfind(|object| object["event"] == "progress").unwrap();
    assert_eq!(members(&objects, "failure", "path").len(), 1, "{objects:?}");
    assert_eq!((&last["all_bytes"], &last["all_bytes_done"]), (&json!(90_000), &json!(90_000)), "{last}");
    assert_eq!((&last["files"], &last["files_done"]), (&json!(1), &json!(1)), "{last}");
}

#[test]
fn while_a_file_is_verified_its_rate_stays_and_what_is_compared_grows() {
    const SIZE: u64 = 500_000;
    for line in ["@get --verify=read big", "@put --verify=read big"] {
        let big = || vec![Entry::sized("big", SIZE as usize)];
        let (remote, here) = if line.starts_with("@get") { (big(), vec![]) } else { (vec![], big()) };
        let shell = Shell::on(Remote::with(remote).over_ssh()).here(here);
        let shell = shell.through(Relay::plain().bytes_per_second(400_000)).with_args(json());
        let objects = objects(shell.types(line).succeeds().stdout());
        let verifying: Vec<&Value> = objects.iter().filter(|object| object["verified"].is_number()).collect();
        let verified: Vec<u64> = verifying.iter().map(|object| object["verified"].as_u64().unwrap()).collect();
        assert!(verified.len() > 5 && verified.is_sorted() && verified[0] == 0, "{line}: {verified:?}");
        assert!(verified.iter().all(|&bytes| bytes <= SIZE), "{line}: {verified:?}");
        let rates: Vec<&Value> = verifying.iter().map(|object| &object["bytes_per_second"]).collect();
        // The first one is the rate of the last bytes transferred.
        let rates = &rates[1..];
        assert!(rates[0].as_u64() > Some(0) && rates.iter().all(|rate| *rate == rates[0]), "{line}: {rates:?}");
    }
}

#[test]
fn failures_and_notes_are_objects_and_stand_on_stderr_too() {
    let tree = [Entry::file("t/a", "1"), Entry::link("t/b", "a")];
    let shell = Shell::on(Remote::with(tree)).here([Entry::directory("t/a")]).with_args(json()).types("@get -r t");
    let outcome = shell.succeeds();
    let objects = objects(outcome.stdout());
    assert_eq!(members(&objects, "note", "note"), ["skipped"]);
    let messages = members(&objects, "failure", "message");
    assert_eq!(messages.len(), 1, "{objects:?}");
    for message in messages.iter().chain(&members(&objects, "note", "message")) {
        assert!(outcome.stderr().lines().any(|line| line == message), "{message}: {}", outcome.stderr());
    }
    let end = objects.last().unwrap();
    assert_eq!((&end["ok"], &end["failures"]), (&json!(false), &json!(1)));
}

#[test]
fn what_would_be_done_is_told_in_objects() {
    let shell = Shell::on(Remote::with([Entry::sized("t/a", 7)])).with_args(json()).types("@get -r -n t");
    let objects = objects(shell.succeeds().stdout());
    assert_eq!(members(&objects, "intent", "intent"), ["directory", "file", "total"]);
    assert_eq!(members(&objects, "intent", "total"), [Value::Null, json!(7), Value::Null]);
    assert_eq!(members(&objects, "intent", "bytes"), [Value::Null, Value::Null, json!(7)]);
}
