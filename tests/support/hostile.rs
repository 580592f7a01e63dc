//! A hostile SSH server: it behaves up to a given moment, and then sends one packet, once or without end.
//!
//! It implements just enough of RFC 4253, 4252 and 4254 to reach that moment: curve25519-sha256, ssh-ed25519,
//! aes128-ctr, hmac-sha2-256, zlib for its own packets if the client wants that, a login without questions, one
//! channel with a subsystem. It ends with the test.

use flate2::{Compress, Compression, FlushCompress};
use openssl::derive::Deriver;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::sha::sha256;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// The moment at which the server stops behaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After the server's KEXINIT, before encryption and trust.
    KeyExchange,
    /// Instead of the answer to the login.
    Login,
    /// After the start of the subsystem.
    Session,
}

/// How the server sends its packet.
#[derive(Clone)]
enum Manner {
    Once,
    Always,
    /// Once, when the test says so through this channel. It answers there when it has closed the connection, from
    /// which it reads nothing meanwhile.
    Late(Arc<Mutex<Receiver<Sender<()>>>>),
}

/// A server that listens on a free port and treats every client like this.
pub struct Hostile {
    port: u16,
    key: PKey<Private>,
}

impl Hostile {
    /// Sends packets with `payload` without end, from `moment` on.
    pub fn flooding(moment: Moment, payload: &[u8]) -> Hostile {
        Hostile::start(moment, payload, Manner::Always)
    }

    /// Sends `payload` at `moment`, and then keeps the connection open in silence.
    pub fn sending(moment: Moment, payload: &[u8]) -> Hostile {
        Hostile::start(moment, payload, Manner::Once)
    }

    /// Reads nothing after the start of the subsystem. The returned function makes it send `payload` and close the
    /// connection, and returns when that is done.
    pub fn hanging_up(payload: &[u8]) -> (Hostile, impl FnOnce() + use<>) {
        let (tell, told) = channel();
        let server = Hostile::start(Moment::Session, payload, Manner::Late(Arc::new(Mutex::new(told))));
        let hang_up = move || {
            let (done, is_done) = channel();
            tell.send(done).unwrap();
            // Returns when the sender is dropped.
            let _ = is_done.recv();
        };
        (server, hang_up)
    }

    fn start(moment: Moment, payload: &[u8], manner: Manner) -> Hostile {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let key = PKey::generate_ed25519().unwrap();
        let (payload, server_key) = (payload.to_vec(), key.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (payload, key, manner) = (payload.clone(), server_key.clone(), manner.clone());
                // The thread ends when the client does.
                thread::spawn(move || serve(stream, &key, moment, &payload, &manner));
            }
        });
        Hostile { port, key }
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its line for a known_hosts file.
    pub fn known_hosts(&self) -> String {
        let blob = openssl::base64::encode_block(&host_key(&self.key));
        format!("[127.0.0.1]:{} ssh-ed25519 {blob}\n", self.port)
    }
}

fn serve(stream: TcpStream, key: &PKey<Private>, moment: Moment, payload: &[u8], manner: &Manner) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    let client_version = wire.exchange_versions()?;
    let ours = key_exchange_init();
    wire.send(&ours)?;
    if moment == Moment::KeyExchange {
        return wire.attack(payload, manner);
    }
    let theirs = wire.receive()?;
    wire.exchange_keys(key, &client_version, &theirs, &ours)?;
    loop {
        let request = wire.receive()?;
        match request.first() {
            // SERVICE_REQUEST: accepted.
            Some(5) => wire.send(&[&[6][..], &request[1..]].concat())?,
            // USERAUTH_REQUEST: accepted for any user.
            Some(50) if moment == Moment::Login => return wire.attack(payload, manner),
            Some(50) => wire.send(&[52])?,
            // CHANNEL_OPEN: confirmed, from channel 0 to channel 0, with a wide window.
            Some(90) => {
                let mut confirmation = vec![91];
                for number in [0_u32, 0, 0x7fff_ffff, 32 << 10] {
                    confirmation.extend(number.to_be_bytes());
                }
                wire.send(&confirmation)?;
            }
            // CHANNEL_REQUEST: granted. This is the moment of the attack.
            Some(98) => {
                wire.send(&[99, 0, 0, 0, 0])?;
                return wire.attack(payload, manner);
            }
            _ => {}
        }
    }
}

/// A connection, encrypted or not.
struct Wire {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    keys: Option<Keys>,
    compressor: Option<Compress>,
    sent: u32,
}

/// The ciphers, and the key of our MAC. The client's MACs are not checked.
struct Keys {
    incoming: Crypter,
    outgoing: Crypter,
    integrity: PKey<Private>,
}

impl Wire {
    fn new(stream: TcpStream) -> io::Result<Wire> {
        Ok(Wire { reader: BufReader::new(stream.try_clone()?), writer: stream, keys: None, compressor: None, sent: 0 })
    }

    fn exchange_versions(&mut self) -> io::Result<Vec<u8>> {
        self.writer.write_all(b"SSH-2.0-hostile\r\n")?;
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        Ok(line.trim_ascii_end().to_vec())
    }

    /// Builds a packet (RFC 4253, section 6).
    fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let payload = &self.compressed(payload)[..];
        let padding = 4 + (16 - (5 + payload.len() + 4) % 16) % 16;
        let length = u32::try_from(1 + payload.len() + padding).unwrap();
        let mut packet =
            [&length.to_be_bytes()[..], &[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat();
        if let Some(keys) = &mut self.keys {
            let mut signer = Signer::new(MessageDigest::sha256(), &keys.integrity).unwrap();
            let mac = signer.sign_oneshot_to_vec(&[&self.sent.to_be_bytes()[..], &packet].concat()).unwrap();
            packet = keys.outgoing.through(&packet);
            packet.extend(mac);
        }
        self.sent = self.sent.wrapping_add(1);
        packet
    }

    /// Returns the payload in the form in which it is sent (RFC 4253, section 6.2).
    fn compressed(&mut self, payload: &[u8]) -> Vec<u8> {
        let Some(compressor) = &mut self.compressor else { return payload.to_vec() };
        let mut out = Vec::with_capacity(payload.len() + 100);
        compressor.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
        out
    }

    fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let packet = self.packet(payload);
        self.writer.write_all(&packet)
    }

    /// Attacks in the given manner: sends once and waits for the client to leave, sends until the client is gone, or
    /// sends late and leaves.
    fn attack(mut self, payload: &[u8], manner: &Manner) -> io::Result<()> {
        match manner {
            Manner::Once => {
                self.send(payload)?;
                io::copy(&mut self.reader, &mut io::sink()).map(drop)
            }
            Manner::Always => loop {
                let burst: Vec<u8> = (0..16).flat_map(|_| self.packet(payload)).collect();
                self.writer.write_all(&burst)?;
            },
            Manner::Late(told) => {
                let done = told.lock().unwrap().recv();
                self.send(payload)?;
                drop(self);
                drop(done);
                Ok(())
            }
        }
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut first = vec![0; 16];
        self.reader.read_exact(&mut first)?;
        if let Some(keys) = &mut self.keys {
            first = keys.incoming.through(&first);
        }
        let (length, padding) = (u32::from_be_bytes(first[..4].try_into().unwrap()) as usize, usize::from(first[4]));
        let mut rest = vec![0; length - 12];
        self.reader.read_exact(&mut rest)?;
        if let Some(keys) = &mut self.keys {
            rest = keys.incoming.through(&rest);
            self.reader.read_exact(&mut [0; 32])?;
        }
        let whole = [first, rest].concat();
        Ok(whole[5..4 + length - padding].to_vec())
    }

    /// Exchanges keys with curve25519-sha256 (RFC 8731), and derives the keys (RFC 4253, section 7.2).
    fn exchange_keys(
        &mut self,
        key: &PKey<Private>,
        client_version: &[u8],
        theirs: &[u8],
        ours: &[u8],
    ) -> io::Result<()> {
        let init = self.receive()?;
        let client_point = &init[5..37];
        let secret = PKey::generate_x25519().unwrap();
        let point = secret.raw_public_key().unwrap();
        let peer = PKey::public_key_from_raw_bytes(client_point, Id::X25519).unwrap();
        let mut deriver = Deriver::new(&secret).unwrap();
        deriver.set_peer(&peer).unwrap();
        let shared = mpint(&deriver.derive_to_vec().unwrap());
        let blob = host_key(key);
        let strings =
            [client_version, b"SSH-2.0-hostile", theirs, ours, &blob, client_point, &point].map(string).concat();
        let hash = sha256(&[strings, shared.clone()].concat());
        let signature = Signer::new_without_digest(key).unwrap().sign_oneshot_to_vec(&hash).unwrap();
        let signature = [string(b"ssh-ed25519"), string(&signature)].concat();
        self.send(&[vec![31], string(&blob), string(&point), string(&signature)].concat())?;
        self.send(&[21])?;
        // NEWKEYS.
        self.receive()?;
        let derived = |letter: u8| sha256(&[&shared[..], &hash, &[letter], &hash].concat());
        let cipher = |mode, vector: u8, key: u8| {
            Crypter::new(Cipher::aes_128_ctr(), mode, &derived(key)[..16], Some(&derived(vector)[..16])).unwrap()
        };
        let wants_zlib = theirs.windows(4).any(|word| word == b"zlib");
        self.compressor = wants_zlib.then(|| Compress::new(Compression::default(), true));
        self.keys = Some(Keys {
            incoming: cipher(Mode::Decrypt, b'A', b'C'),
            outgoing: cipher(Mode::Encrypt, b'B', b'D'),
            integrity: PKey::hmac(&derived(b'F')).unwrap(),
        });
        Ok(())
    }
}

trait Through {
    fn through(&mut self, bytes: &[u8]) -> Vec<u8>;
}

impl Through for Crypter {
    fn through(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; bytes.len() + 16];
        let length = self.update(bytes, &mut out).unwrap();
        out.truncate(length);
        out
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Encodes an mpint (RFC 4251, section 5): no leading zeros, except one where the number would look negative.
fn mpint(number: &[u8]) -> Vec<u8> {
    let begin = number.iter().position(|&byte| byte != 0).unwrap_or(number.len());
    let sign = number.get(begin).filter(|&&byte| byte >= 0x80).map(|_| 0);
    string(&sign.into_iter().chain(number[begin..].iter().copied()).collect::<Vec<u8>>())
}

fn host_key(key: &PKey<Private>) -> Vec<u8> {
    [string(b"ssh-ed25519"), string(&key.raw_public_key().unwrap())].concat()
}

fn key_exchange_init() -> Vec<u8> {
    let mut packet = vec![20];
    packet.extend([7; 16]);
    let lists = ["curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256"];
    lists.into_iter().chain(["none", "zlib,none", "", ""]).for_each(|list| packet.extend(string(list.as_bytes())));
    packet.extend([0; 5]);
    packet
}
