use crate::sftp::session::*;
use crate::sftp::testing::{Peer, scripted, session};
use crate::sftp::{Reply, StatusCode};

const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;

fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

fn impatient() -> Options {
    let limit = Some(Duration::from_millis(100));
    Options { greeting_limit: limit, idle_limit: limit, ..Options::default() }
}

/// Answers a STAT with a size.
fn size(peer: &mut Peer, id: u32, size: u64) {
    peer.reply(ATTRS, id, |packet| {
        packet.uint32(1);
        packet.uint64(size);
    });
}

#[test]
fn answers_in_any_order_reach_the_requests_they_belong_to() {
    let (session, server) = session(Options::default(), |peer| {
        let mut requests: Vec<_> = (0..100).map(|_| peer.request().unwrap()).collect();
        requests.reverse();
        requests.rotate_left(37);
        for (_, id, fields) in requests {
            // The path is the number that the test wants back.
            let wanted = String::from_utf8(fields[4..].to_vec()).unwrap().parse().unwrap();
            size(peer, id, wanted);
        }
        peer.wait_for_the_end();
    });
    let queue = Completions::new();
    for number in 0..50_u64 {
        session.submit_to(&queue, number, &calls::Stat { path: &path(&number.to_string()) });
    }
    let waiting: Vec<_> = (50..100_u64)
        .map(|number| (number, session.submit(&calls::Stat { path: &path(&number.to_string()) })))
        .collect();
    for (number, pending) in waiting {
        assert_eq!(pending.wait().unwrap().size, Some(number));
    }
    let mut seen = 0;
    while seen < 50 {
        for (number, outcome) in queue.wait(None) {
            assert!(matches!(outcome, Ok(Reply::Attributes(attributes)) if attributes.size == Some(number)));
            seen += 1;
        }
    }
    assert_eq!(queue.outstanding(), 0);
    drop(session);
    server.join().unwrap();
}

#[test]
fn a_refusal_keeps_its_code_and_its_text_and_the_session_lives() {
    let (session, server) = session(Options::default(), |peer| {
        let (_, id, _) = peer.request().unwrap();
        peer.status(id, 4, "quota exceeded");
        let (_, id, _) = peer.request().unwrap();
        size(peer, id, 1);
        peer.wait_for_the_end();
    });
    match session.stat(&path("a")) {
        Err(Error::Status(status)) => {
            assert_eq!((status.code, &status.text[..]), (StatusCode::FAILURE, &b"quota exceeded"[..]));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(session.stat(&path("a")).unwrap().size, Some(1));
    assert_eq!(session.end(), None);
    drop(session);
    server.join().unwrap();
}

#[test]
fn a_broken_protocol_ends_the_session_and_all_that_is_under_way() {
    type Lie = fn(&mut Peer, u32);
    let lies: [(&str, Lie); 6] = [
        ("an answer to request", |peer, id| peer.status(id + 9, 4, "")),
        ("a reply of type 105", |peer, id| size(peer, id, 1)),
        ("4 bytes instead of at most 3", |peer, id| peer.reply(DATA, id, |packet| packet.string(b"four"))),
        ("an answer to a read without data", |peer, id| peer.reply(DATA, id, |packet| packet.string(b""))),
        ("a packet of 0 bytes", |peer, _| peer.raw(&[0; 4])),
        ("a packet of 4294967295 bytes", |peer, _| peer.raw(&[0xff; 4])),
    ];
    for (expected, lie) in lies {
        let (session, server) = session(Options::default(), move |peer| {
            let (_, id, _) = peer.request().unwrap();
            peer.reply(HANDLE, id, |packet| packet.string(b"h"));
            peer.request().unwrap();
            let (_, id, _) = peer.request().unwrap();
            lie(peer, id);
            peer.wait_for_the_end();
        });
        let handle = session.open_file(&path("f"), OpenFlags::READ, Attributes::default()).unwrap();
        let other = session.submit(&calls::Stat { path: &path("other") });
        let lied_to = session.submit(&calls::Read { handle: &handle, offset: 0, length: 3 });
        for outcome in [lied_to.wait().map(drop), other.wait().map(drop), session.stat(&path("later")).map(drop)] {
            match outcome {
                Err(Error::Protocol(text)) => assert!(text.contains(expected), "{text} for {expected}"),
                other => panic!("{other:?} for {expected}"),
            }
        }
        drop((handle, session));
        server.join().unwrap();
    }
}

#[test]
fn an_answer_that_makes_no_sense_fails_its_request_only() {
    type Lie = fn(&mut Peer, u32);
    let lies: [(&str, Lie); 3] = [
        ("success without the requested data", |peer, id| peer.status(id, 0, "")),
        ("a file of 9223372036854775808 bytes", |peer, id| size(peer, id, 1 << 63)),
        ("4294967295 elements in a packet with 0 bytes left", |peer, id| {
            peer.reply(ATTRS, id, |packet| {
                packet.uint32(0x8000_0000);
                packet.uint32(u32::MAX);
            });
        }),
    ];
    for (expected, lie) in lies {
        let (session, server) = session(Options::default(), move |peer| {
            let (_, id, _) = peer.request().unwrap();
            lie(peer, id);
            let (_, id, _) = peer.request().unwrap();
            size(peer, id, 1);
            peer.wait_for_the_end();
        });
        assert_eq!(session.stat(&path("a")), Err(Error::Nonsense(expected.to_owned())));
        assert_eq!(session.stat(&path("b")).unwrap().size, Some(1), "{expected}");
        drop(session);
        server.join().unwrap();
    }
}

#[test]
fn a_packet_of_names_may_be_longer_than_any_other() {
    for (kind, length, is_taken) in
        [(NAME, 4 << 20, true), (NAME, (4 << 20) + 1, false), (DATA, (256 << 10) + 1, false)]
    {
        let (session, server) = session(Options::default(), move |peer| {
            let (_, id, _) = peer.request().unwrap();
            peer.reply(HANDLE, id, |packet| packet.string(b"h"));
            let (_, id, _) = peer.request().unwrap();
            peer.raw(&u32::to_be_bytes(length));
            peer.raw(&[&[kind][..], &id.to_be_bytes(), &[0; 4]].concat());
            peer.raw(&vec![0; length as usize - 9]);
            peer.wait_for_the_end();
        });
        let handle = session.submit(&calls::Opendir { path: &path("d") }).wait().unwrap();
        let names = session.submit(&calls::Readdir { handle: &handle, longnames: true }).wait();
        assert_eq!(names.is_ok_and(|names| names.bytes == u64::from(length) + 4), is_taken, "{kind} {length}");
        drop((handle, session));
        server.join().unwrap();
    }
}

#[test]
fn names_that_nobody_takes_in_have_a_budget() {
    let (session, server) = session(Options::default(), |peer| {
        let (_, id, _) = peer.request().unwrap();
        peer.reply(HANDLE, id, |packet| packet.string(b"h"));
        let entry = [&4000_u32.to_be_bytes()[..], &[b'n'; 4000], &[0; 8]].concat();
        while let Some((_, id, _)) = peer.request() {
            let packet = [&[NAME][..], &id.to_be_bytes(), &1000_u32.to_be_bytes(), &entry.repeat(1000)].concat();
            peer.raw(&u32::try_from(packet.len()).unwrap().to_be_bytes());
            peer.raw(&packet);
        }
    });
    let handle = session.submit(&calls::Opendir { path: &path("d") }).wait().unwrap();
    let readdir = calls::Readdir { handle: &handle, longnames: true };
    // Names that the caller has taken no longer count.
    for _ in 0..70 {
        assert_eq!(session.submit(&readdir).wait().unwrap().entries().len(), 1000);
    }
    let waiting: Vec<_> = (0..70).map(|_| session.submit(&readdir)).collect();
    let outcomes: Vec<_> = waiting.into_iter().map(Pending::wait).collect();
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() < 70);
    assert_eq!(
        session.end(),
        Some(Error::Protocol("more than 268435456 bytes of names waiting to be processed".into()))
    );
    drop((outcomes, handle, session));
    server.join().unwrap();
}

#[test]
fn a_connection_that_ends_fails_all_that_was_pending() {
    let (session, server) = session(Options::default(), |peer| {
        for _ in 0..3 {
            peer.request().unwrap();
        }
    });
    let pending: Vec<_> = (0..3).map(|_| session.submit(&calls::Stat { path: &path("a") })).collect();
    for request in pending {
        assert!(matches!(request.wait(), Err(Error::ConnectionLost(_))));
    }
    server.join().unwrap();
}

#[test]
fn who_hears_of_a_violation_finds_the_session_at_its_end() {
    // Chance decides whether the driver or the waiting thread comes first, so try it many times.
    for _ in 0..200 {
        let (session, server) = session(Options::default(), |peer| {
            let (_, id, _) = peer.request().unwrap();
            peer.reply(HANDLE, id, |packet| packet.string(b"h"));
            peer.wait_for_the_end();
        });
        let error = session.stat(&path("a")).unwrap_err();
        assert_eq!(session.end(), Some(error));
        server.join().unwrap();
    }
}

#[test]
fn a_kill_from_another_thread_ends_a_sleeping_driver() {
    let (session, server) = session(Options { idle_limit: None, ..Options::default() }, Peer::wait_for_the_end);
    let pending = session.submit(&calls::Stat { path: &path("a") });
    let killer = session.killer();
    thread::spawn(move || killer.kill());
    assert!(matches!(pending.wait(), Err(Error::ConnectionLost(_))));
    server.join().unwrap();
}

// fault: a silence as long as the limit
// difference: silence
#[test]
fn a_silent_server_is_given_up_but_one_that_flushes_a_disk_only_if_that_is_wanted() {
    let silent = |peer: &mut Peer| drop(peer.wait_for_the_end());
    let (session, server) = session(impatient(), silent);
    assert_eq!(session.stat(&path("a")), Err(Error::TimedOut(Duration::from_millis(100))));
    server.join().unwrap();

    for (may_take_long, outcome) in [(true, Ok(())), (false, Err(Error::TimedOut(Duration::from_millis(100))))] {
        let (transport, server) = scripted(|peer| {
            peer.greet(&[("fsync@openssh.com", "1")]);
            let (_, id, _) = peer.request().unwrap();
            peer.reply(HANDLE, id, |packet| packet.string(b"h"));
            let (_, id, _) = peer.request().unwrap();
            thread::sleep(Duration::from_millis(300));
            peer.status(id, 0, "");
            peer.wait_for_the_end();
        });
        let session = Session::open(transport, Options { may_take_long, ..impatient() }).unwrap();
        let handle = session.open_file(&path("f"), OpenFlags::WRITE, Attributes::default()).unwrap();
        assert_eq!(session.submit(&calls::Fsync { handle: &handle }).wait(), outcome, "{may_take_long}");
        drop((handle, session));
        server.join().unwrap();
    }
}

#[test]
fn a_session_may_rest_longer_than_a_server_may_be_silent() {
    let (session, server) = session(impatient(), |peer| {
        let (_, id, _) = peer.request().unwrap();
        size(peer, id, 1);
        peer.wait_for_the_end();
    });
    thread::sleep(Duration::from_millis(250));
    assert_eq!(session.stat(&path("a")).unwrap().size, Some(1));
    drop(session);
    server.join().unwrap();
}

#[test]
fn a_handle_that_another_open_file_has_ends_the_session_and_a_closed_one_may_come_again() {
    for closes in [true, false] {
        let (session, server) = session(Options::default(), |peer| {
            while let Some((packet_type, id, _)) = peer.request() {
                match packet_type {
                    OPEN => peer.reply(HANDLE, id, |packet| packet.string(b"h")),
                    _ => peer.status(id, 0, ""),
                }
            }
        });
        let file = path("f");
        let open = calls::Open { path: &file, flags: OpenFlags::READ, attributes: Attributes::default() };
        let first = session.submit(&open).wait().unwrap();
        let kept = if closes { session.close(first).map(|()| None).unwrap() } else { Some(first) };
        let second = session.submit(&open).wait();
        let is_refused = matches!(&second, Err(Error::Protocol(text)) if text.contains("same handle"));
        assert_eq!((is_refused, session.end().is_some()), (!closes, !closes), "{second:?}");
        drop((kept, second, session));
        server.join().unwrap();
    }
}

#[test]
fn handles_that_nobody_takes_are_closed_in_the_server() {
    let (session, server) = session(Options::default(), |peer| {
        let (mut opened, mut closed) = (0, 0);
        while let Some((packet_type, id, _)) = peer.request() {
            match packet_type {
                OPEN => {
                    opened += 1;
                    peer.reply(HANDLE, id, |packet| packet.string(opened.to_string().as_bytes()));
                }
                CLOSE => {
                    closed += 1;
                    peer.status(id, 0, "");
                }
                _ => size(peer, id, 1),
            }
        }
        (opened, closed)
    });
    let file = path("f");
    let open = calls::Open { path: &file, flags: OpenFlags::READ, attributes: Attributes::default() };
    let queue = Completions::new();
    for number in 0..4000 {
        match number % 4 {
            0 => drop(session.submit(&open)),
            1 => session.submit_to(&queue, number, &open),
            2 => session.close(session.submit(&open).wait().unwrap()).unwrap(),
            _ => drop(session.submit(&open).wait().unwrap()),
        }
    }
    drop(queue);
    session.stat(&file).unwrap();
    let _ = session.finish();
    assert_eq!(server.join().unwrap(), (4000, 4000));
}

#[test]
fn a_handle_means_nothing_to_another_session() {
    let answering = |peer: &mut Peer| {
        let mut reads = 0;
        while let Some((packet_type, id, _)) = peer.request() {
            match packet_type {
                OPEN => peer.reply(HANDLE, id, |packet| packet.string(b"h")),
                CLOSE => peer.status(id, 0, ""),
                _ => {
                    reads += 1;
                    peer.reply(DATA, id, |packet| packet.string(b"x"));
                }
            }
        }
        reads
    };
    let (one, server) = session(Options::default(), answering);
    let (other, other_server) = session(Options::default(), answering);
    let file = path("f");
    let open = calls::Open { path: &file, flags: OpenFlags::READ, attributes: Attributes::default() };
    let handle = one.submit(&open).wait().unwrap();
    assert!(matches!(other.read(&handle, 0, 1), Err(Error::ConnectionLost(_))));
    assert!(one.read(&handle, 0, 1).is_ok() && other.end().is_none());
    drop(handle);
    let _ = (one.finish(), other.finish());
    assert_eq!((server.join().unwrap(), other_server.join().unwrap()), (1, 0));
}

#[test]
fn what_is_no_sftp_server_is_told_apart() {
    type Greeting = fn(&mut Peer);
    let greetings: [(&str, Greeting); 5] = [
        ("it sent text where SFTP should begin (a login script that prints?): \"Welcome to host\\n\"", |peer| {
            peer.raw(b"Welcome to host\n");
        }),
        ("it speaks version 6 instead of 3", |peer| {
            peer.send(|packet| {
                packet.byte(2);
                packet.uint32(6);
            });
        }),
        ("a packet of type 101 where VERSION should be", |peer| peer.status(0, 4, "")),
        ("ended before it spoke SFTP", |_| ()),
        ("the server was silent", |peer| drop(peer.wait_for_the_end())),
    ];
    for (expected, greeting) in greetings {
        let (transport, server) = scripted(move |peer| {
            peer.request().unwrap();
            greeting(peer);
        });
        match Session::open(transport, impatient()) {
            Err(error) => assert!(error.to_string().contains(expected), "{error} for {expected}"),
            Ok(_) => panic!("opened, for {expected}"),
        }
        server.join().unwrap();
    }
}

#[test]
fn an_extension_that_is_not_offered_is_not_asked_for() {
    let (session, server) = session(Options::default(), Peer::wait_for_the_end);
    assert_eq!(session.hardlink(&path("a"), &path("b")), Err(Error::Unsupported(Extension::Hardlink)));
    drop(session);
    assert_eq!(server.join().unwrap(), []);
}

#[test]
fn a_server_that_offers_limits_and_refuses_them_is_served_with_the_defaults() {
    let (transport, server) = scripted(|peer| {
        peer.greet(&[("limits@openssh.com", "1")]);
        let (_, id, _) = peer.request().unwrap();
        peer.status(id, 8, "");
        peer.wait_for_the_end();
    });
    let session = Session::open(transport, Options::default()).unwrap();
    assert_eq!(session.limits(), Limits::default());
    drop(session);
    server.join().unwrap();
}

#[test]
fn a_driver_sleeps_while_nothing_moves() {
    let (session, server) = session(Options::default(), |peer| {
        // Far more than the socket holds waits on our side meanwhile.
        thread::sleep(Duration::from_millis(200));
        while let Some((_, id, _)) = peer.request() {
            peer.status(id, 4, "");
        }
    });
    let long = path(&"x".repeat(30_000));
    let pending: Vec<_> = (0..200).map(|_| session.submit(&calls::Stat { path: &long })).collect();
    for request in pending {
        assert!(request.wait().is_err());
    }
    let polls = session.statistics().polls;
    // 6 MB take a few dozen fillings of a socket of about 200 KiB; a busy loop would poll thousands of times.
    assert!(polls < 1000, "{polls} polls");
    drop(session);
    server.join().unwrap();
}

/// Options for a session with an idle limit in milliseconds. Half of that silence may already mean dropped requests.
fn narrow(requests: Option<usize>, idle_limit: u64) -> Options {
    let idle_limit = Some(Duration::from_millis(idle_limit));
    Options { idle_limit, width: Width::cautious(requests), ..Options::default() }
}

#[test]
fn no_more_requests_wait_than_may_and_none_is_lost() {
    for most in [1, 3, 64] {
        let (session, server) = session(narrow(Some(most), 60_000), move |peer| {
            let mut waiting = std::collections::VecDeque::new();
            for _ in 0..200 {
                waiting.push_back(peer.request().unwrap().1);
                if waiting.len() == most {
                    assert_eq!(peer.unread(), 0, "of {most}");
                    let id = waiting.pop_front().unwrap();
                    size(peer, id, id.into());
                }
            }
            waiting.into_iter().for_each(|id| size(peer, id, id.into()));
            peer.wait_for_the_end();
        });
        let answers: Vec<_> = (0..200).map(|_| session.submit(&calls::Stat { path: &path("x") })).collect();
        let sizes: Vec<_> = answers.into_iter().map(|answer| answer.wait().unwrap().size.unwrap()).collect();
        // The session asks for the limits first.
        assert!(sizes.is_sorted() && sizes.len() == 200, "{sizes:?}");
        drop(session);
        server.join().unwrap();
    }
}

#[test]
fn a_transfer_may_have_more_requests_waiting_than_a_command() {
    let (session, server) = session(narrow(None, 60_000), |peer| {
        let ids: Vec<_> = (0..256).map(|_| peer.request().unwrap().1).collect();
        ids.into_iter().for_each(|id| size(peer, id, 0));
        peer.wait_for_the_end();
    });
    let answers: Vec<_> = (0..256).map(|_| session.submit(&calls::Stat { path: &path("x") })).collect();
    // Without the wider limit, the server would see 64 requests and wait for the rest.
    let _wide = session.widen();
    assert!(answers.into_iter().all(|answer| answer.wait().is_ok()));
    drop((_wide, session));
    server.join().unwrap();
}

#[test]
fn a_server_that_drops_requests_gets_fewer_at_once_and_the_session_goes_on() {
    let (session, server) = session(narrow(None, 2_000), |peer| {
        let mut dropped: Vec<u32> = (0..100).map(|_| peer.request().unwrap().1).collect();
        for _ in 0..100 {
            let (_, id, _) = peer.request().unwrap();
            size(peer, id, 7);
            // A late answer, to a request that was given up.
            size(peer, dropped.pop().unwrap(), 8);
        }
        peer.wait_for_the_end();
    });
    let wide = session.widen();
    let ask = || session.submit(&calls::Stat { path: &path("x") });
    let answers: Vec<_> = (0..100).map(|_| ask()).collect();
    for answer in answers {
        let error = answer.wait().unwrap_err();
        assert!(matches!(error, Error::Unanswered { waiting: 100, .. }), "{error:?}");
    }
    assert!((session.end(), session.width().most(true)) == (None, 64));
    let answers: Vec<_> = (0..100).map(|_| ask()).collect();
    assert!(answers.into_iter().all(|answer| answer.wait().unwrap().size == Some(7)));
    drop((wide, session));
    server.join().unwrap();
}

#[test]
fn silence_is_no_sign_of_dropped_requests_where_few_were_sent_or_the_server_copes() {
    for (width, requests) in [(Width::cautious(None), 16), (Width::unbounded(), 100), (Width::cautious(Some(10)), 100)]
    {
        let options = Options { width, ..impatient() };
        let (session, server) = session(options, |peer| peer.wait_for_the_end());
        let answers: Vec<_> = (0..requests).map(|_| session.submit(&calls::Stat { path: &path("x") })).collect();
        for answer in answers {
            assert!(matches!(answer.wait(), Err(Error::TimedOut(_))));
        }
        drop(session);
        server.join().unwrap();
    }
}
