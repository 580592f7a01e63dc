//! Lies of READDIR about how much there is: `list-…`. Those that never end are named so.

use super::wire::{self, Attributes, Packet};

/// Bytes that make a packet nearly as long as a client takes, whatever else is in it.
const PADDING: usize = 200_000;

/// What a listing is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// `list-padded`: honest, but each packet has bytes behind its last field.
    Padded,
    /// `list-in-one=N`: N entries in one packet, however long that is.
    InOne(u32),
    /// `list-million`: 1,000,000 entries, 1,000 in a packet.
    Million,
    /// `list-endless-padding`: an entry and padding, for ever.
    EndlessPadding,
    /// `list-endless-dots`: `.` for ever, each with a long line about it.
    EndlessDots,
    /// `list-endless-lines`: entries for ever, each with a long line about it.
    EndlessLines,
    /// `list-endless-long-names`: names of 200,000 bytes for ever.
    EndlessLongNames,
    /// `list-endless-names`: names of 4,096 bytes for ever.
    EndlessNames,
    /// `list-endless-slashes`: short names with a slash for ever, as many as a packet holds.
    EndlessSlashes,
    /// `list-endless-directories`: directories with long names for ever.
    EndlessDirectories,
    /// `list-absurd-sizes`: files of 2^63 bytes and of 2^64 - 1.
    AbsurdSizes,
    /// `list-absurd-times`: files of the last second of the protocol, and of the first.
    AbsurdTimes,
    /// `list-ok`: that it is done.
    Ok,
}

impl Listing {
    /// Reads a lie's word.
    pub(crate) fn parse(name: &str, number: u64) -> Option<Self> {
        Some(match name {
            "list-padded" => Self::Padded,
            "list-in-one" => Self::InOne(u32::try_from(number).ok()?),
            "list-million" => Self::Million,
            "list-endless-padding" => Self::EndlessPadding,
            "list-endless-dots" => Self::EndlessDots,
            "list-endless-lines" => Self::EndlessLines,
            "list-endless-long-names" => Self::EndlessLongNames,
            "list-endless-names" => Self::EndlessNames,
            "list-endless-slashes" => Self::EndlessSlashes,
            "list-endless-directories" => Self::EndlessDirectories,
            "list-absurd-sizes" => Self::AbsurdSizes,
            "list-absurd-times" => Self::AbsurdTimes,
            "list-ok" => Self::Ok,
            _ => return None,
        })
    }

    /// The answer number `before` to a READDIR, from 0 on; none where it is the honest one, which `pad` may still change.
    pub(crate) fn answer(self, id: u32, before: usize) -> Option<Packet> {
        let regular = Attributes { permissions: Some(0o100_644), size: Some(1), ..Attributes::default() };
        let list = |entries: &[(Vec<u8>, usize, Attributes)]| {
            let packet = Packet::new(wire::NAME, id).number(entries.len() as u32);
            entries.iter().fold(packet, |packet, (name, line, attributes)| {
                packet.string(name).string(&vec![b'l'; *line]).attributes(*attributes)
            })
        };
        let numbered = |length: usize| {
            let mut name = format!("{before:08}").into_bytes();
            name.resize(length, b'n');
            name
        };
        Some(match self {
            Self::Padded => return None,
            Self::InOne(count) if before == 0 => {
                list(&(0..count).map(|number| (format!("n{number:07}").into(), 60, regular)).collect::<Vec<_>>())
            }
            Self::Million if before < 1000 => {
                let name = |number| format!("entry-{:08}", 1000 * before + number).into_bytes();
                list(&(0..1000).map(|number| (name(number), 70, regular)).collect::<Vec<_>>())
            }
            Self::InOne(_) | Self::Million => Packet::status(id, wire::EOF, "End of file"),
            Self::EndlessPadding => list(&[(numbered(8), 8, regular)]).raw(&vec![0; PADDING]),
            Self::EndlessDots => list(&[(b".".to_vec(), PADDING, regular)]),
            Self::EndlessLines => list(&[(numbered(8), PADDING, regular)]),
            Self::EndlessLongNames => list(&[(numbered(PADDING), 8, regular)]),
            Self::EndlessNames => list(&vec![(numbered(4096), 8, regular); 40]),
            Self::EndlessSlashes => list(&vec![(b"a/b".to_vec(), 0, Attributes::default()); PADDING / 20]),
            Self::EndlessDirectories => {
                let directory = Attributes { permissions: Some(0o040_755), ..Attributes::default() };
                list(
                    &(0..40)
                        .map(|number| ([format!("{number}-").into_bytes(), numbered(4000)].concat(), 8, directory))
                        .collect::<Vec<_>>(),
                )
            }
            Self::AbsurdSizes if before == 0 => {
                let sized = |size| Attributes { size: Some(size), ..regular };
                list(&[(b"big".to_vec(), 8, sized(1 << 63)), (b"bigger".to_vec(), 8, sized(u64::MAX))])
            }
            Self::AbsurdTimes if before == 0 => {
                let timed = |time| Attributes { times: Some((time, time)), ..regular };
                list(&[(b"late".to_vec(), 0, timed(u32::MAX)), (b"early".to_vec(), 0, timed(0))])
            }
            Self::Ok => Packet::status(id, wire::OK, "Success"),
            Self::AbsurdSizes | Self::AbsurdTimes => return None,
        })
    }

    /// An honest packet as this lie sends it.
    pub(crate) fn pad(self, packet: Packet) -> Packet {
        if self == Self::Padded { packet.raw(&[b'p'; 1000]) } else { packet }
    }
}
