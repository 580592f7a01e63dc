//! The cipher chacha20-poly1305@openssh.com on OpenSSL's vector code.
//!
//! libssh2 has this cipher in portable C, which takes three quarters of the CPU time of a large transfer. That C is a
//! file of its own with three functions (`src/cipher-chachapoly.c`), and this file defines the same three. The linker
//! takes a file from libssh2's static library only for a function that is not defined yet, so it leaves that file out.
//! Before changing the version of libssh2-sys, compare `src/cipher-chachapoly.h`; `tests/it/cipher.rs` does so too, and
//! checks that the program holds none of libssh2's own code for this cipher.
//!
//! A packet is its length in 4 bytes, encrypted with one key, and its content, encrypted with another. The tag
//! authenticates both in their encrypted form (OpenSSH, PROTOCOL.chacha20poly1305). An encrypted private key has no
//! length, only content.

use std::cell::Cell;
use std::ffi::{c_int, c_uchar, c_uint};
use std::ptr::{self, NonNull};
use std::slice;

use libssh2_sys as raw;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::memcmp;
use openssl_sys as evp;
use zeroize::Zeroizing;

const KEY_SIZE: usize = 32;
const TAG_SIZE: usize = 16;

/// The key stream of ChaCha20 comes in blocks of this size. The first one holds the key for the tag, and the content
/// begins with the second.
const BLOCK_SIZE: usize = 64;

type Tag = [u8; TAG_SIZE];

/// The keys of one direction, in the order of the key exchange's bytes.
///
/// They are in the memory of libssh2's `struct chachapoly_ctx`, which has room for two states of ChaCha20. libssh2
/// frees it without calling us, so it can't own anything.
#[derive(Clone, Copy)]
#[repr(C)]
struct Keys {
    content: [u8; KEY_SIZE],
    length: [u8; KEY_SIZE],
}

// `struct chachapoly_ctx` is two times `unsigned int input[16]`.
const _: () = assert!(size_of::<Keys>() <= 2 * 16 * size_of::<c_uint>() && align_of::<Keys>() == 1);

/// Implements libssh2's function, which stores the keys.
///
/// # Safety
/// `keys` is valid for writes, and `key` for reads of `key_length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn chachapoly_init(keys: *mut Keys, key: *const c_uchar, key_length: usize) -> c_int {
    if key_length != size_of::<Keys>() {
        return raw::LIBSSH2_ERROR_INVAL;
    }
    // SAFETY: both pointers are valid for the size of the keys, which are bytes and so need no alignment.
    unsafe { keys.write(key.cast::<Keys>().read()) };
    0
}

/// Implements libssh2's function, which encrypts or decrypts a packet: `length` bytes of its length, then `content` bytes.
/// libssh2 gives up the connection, or the private key, for any result but 0.
///
/// # Safety
/// `keys` comes from [`chachapoly_init`]. `from` is valid for reads of `length + content` bytes, and to decrypt, of the
/// tag that follows them. `to` is valid for writes of as many bytes, and to encrypt, of the tag. The two may overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn chachapoly_crypt(
    keys: *const Keys,
    sequence: u64,
    to: *mut c_uchar,
    from: *const c_uchar,
    content: usize,
    length: usize,
    encrypt: c_int,
) -> c_int {
    let size = length + content;
    // SAFETY: the keys are initialised, and nothing changes them during the call.
    let keys = unsafe { &*keys };
    // SAFETY: the tag follows the packet, and bytes need no alignment.
    let tag = (encrypt == 0).then(|| unsafe { from.add(size).cast::<Tag>().read() });
    // libssh2 always passes the same memory.
    if to.cast_const() != from {
        // SAFETY: both are valid for the size of the packet, and `copy` allows that they overlap.
        unsafe { ptr::copy(from, to, size) };
    }
    // SAFETY: the memory is valid for the size of the packet and initialised, and nothing else uses it during the call.
    let packet = unsafe { slice::from_raw_parts_mut(to, size) };
    let done = match tag {
        Some(tag) => open(keys, sequence, packet, length, &tag),
        // SAFETY: the tag has its place after the packet, and bytes need no alignment.
        None => seal(keys, sequence, packet, length).map(|tag| unsafe { to.add(size).cast::<Tag>().write(tag) }),
    };
    done.map_or(raw::LIBSSH2_ERROR_DECRYPT, |()| 0)
}

/// Implements libssh2's function, which decrypts the length of a packet before the packet has arrived completely.
///
/// # Safety
/// `keys` comes from [`chachapoly_init`], `packet` is valid for reads of `arrived` bytes, and `length` for writes.
#[unsafe(no_mangle)]
unsafe extern "C" fn chachapoly_get_length(
    keys: *const Keys,
    length: *mut c_uint,
    sequence: u64,
    packet: *const c_uchar,
    arrived: usize,
) -> c_int {
    const FAILED: c_int = -1;

    if arrived < size_of::<u32>() {
        return FAILED;
    }
    // SAFETY: the keys are initialised, and the packet has at least these bytes, which need no alignment.
    let (keys, mut bytes) = unsafe { (&*keys, packet.cast::<[u8; size_of::<u32>()]>().read()) };
    let done = Contexts::lend(|contexts| contexts.encrypt_length(keys, sequence, &mut bytes));
    done.map_or(FAILED, |()| {
        // SAFETY: `length` is valid for writes, and C aligns it.
        unsafe { length.write(u32::from_be_bytes(bytes)) };
        0
    })
}

/// A wrong tag, or an error of OpenSSL.
#[derive(Debug, PartialEq, Eq)]
struct Refused;

impl From<ErrorStack> for Refused {
    fn from(_: ErrorStack) -> Self {
        Self
    }
}

/// Encrypts a packet that begins with `length` bytes of the length, and returns its tag.
fn seal(keys: &Keys, sequence: u64, packet: &mut [u8], length: usize) -> Result<Tag, Refused> {
    Contexts::lend(|contexts| {
        let tag_key = contexts.begin_content(keys, sequence)?;
        let (length, content) = packet.split_at_mut(length);
        contexts.encrypt(content)?;
        contexts.encrypt_length(keys, sequence, length)?;
        contexts.mac.tag(&tag_key, packet)
    })
}

/// Decrypts a packet that begins with `length` bytes of the length. A packet with a wrong tag stays as it is.
fn open(keys: &Keys, sequence: u64, packet: &mut [u8], length: usize, tag: &Tag) -> Result<(), Refused> {
    Contexts::lend(|contexts| {
        let tag_key = contexts.begin_content(keys, sequence)?;
        if !memcmp::eq(&contexts.mac.tag(&tag_key, packet)?, tag) {
            return Err(Refused);
        }
        let (length, content) = packet.split_at_mut(length);
        contexts.encrypt(content)?;
        contexts.encrypt_length(keys, sequence, length)
    })
}

/// OpenSSL's state for a packet. A thread keeps it for all its packets, because creating it takes longer than encrypting
/// a short packet. It holds the last packet's keys until the next packet, or until the thread ends and OpenSSL wipes it.
struct Contexts {
    stream: CipherCtx,
    mac: Mac,
}

thread_local! {
    static CONTEXTS: Cell<Option<Contexts>> = const { Cell::new(None) };
}

impl Contexts {
    fn new() -> Result<Self, Refused> {
        let mut stream = CipherCtx::new()?;
        stream.encrypt_init(Some(Cipher::chacha20()), None, None)?;
        Ok(Self { stream, mac: Mac::new()? })
    }

    /// Lends this thread's contexts to `job`.
    fn lend<T>(job: impl FnOnce(&mut Self) -> Result<T, Refused>) -> Result<T, Refused> {
        let kept = CONTEXTS.try_with(Cell::take).ok().flatten();
        let mut contexts = kept.map_or_else(Self::new, Ok)?;
        let result = job(&mut contexts);
        // A thread that ends has no place for the contexts any more, and drops them.
        let _ = CONTEXTS.try_with(|place| place.set(Some(contexts)));
        result
    }

    /// Begins the key stream of a packet's content, and returns the key for its tag.
    fn begin_content(&mut self, keys: &Keys, sequence: u64) -> Result<Zeroizing<[u8; KEY_SIZE]>, Refused> {
        self.begin(&keys.content, sequence)?;
        let mut block = Zeroizing::new([[0; KEY_SIZE]; BLOCK_SIZE / KEY_SIZE]);
        self.encrypt(block.as_flattened_mut())?;
        Ok(Zeroizing::new(block[0]))
    }

    /// Encrypts or decrypts the length of a packet.
    fn encrypt_length(&mut self, keys: &Keys, sequence: u64, length: &mut [u8]) -> Result<(), Refused> {
        self.begin(&keys.length, sequence)?;
        self.encrypt(length)
    }

    /// Begins the key stream of a packet. The counter of blocks starts at 0, and the nonce is the packet's sequence
    /// number.
    fn begin(&mut self, key: &[u8; KEY_SIZE], sequence: u64) -> Result<(), Refused> {
        let counter_and_nonce = u128::from(sequence).to_be_bytes();
        Ok(self.stream.encrypt_init(None, Some(key), Some(&counter_and_nonce))?)
    }

    /// Encrypts or decrypts with the next bytes of the key stream.
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), Refused> {
        // OpenSSL's lengths are of this type.
        c_int::try_from(data.len()).map_err(|_| Refused)?;
        self.stream.cipher_update_inplace(data, data.len())?;
        Ok(())
    }
}

/// OpenSSL's Poly1305.
struct Mac(NonNull<evp::EVP_MAC_CTX>);

impl Mac {
    fn new() -> Result<Self, Refused> {
        // SAFETY: the name is terminated; NULL is OpenSSL's default library and no properties.
        let algorithm = unsafe { evp::EVP_MAC_fetch(ptr::null_mut(), c"POLY1305".as_ptr(), ptr::null()) };
        let algorithm = NonNull::new(algorithm).ok_or(Refused)?;
        // SAFETY: the algorithm is alive.
        let context = unsafe { evp::EVP_MAC_CTX_new(algorithm.as_ptr()) };
        // SAFETY: the algorithm is ours, and the context has its own reference to it.
        unsafe { evp::EVP_MAC_free(algorithm.as_ptr()) };
        NonNull::new(context).map(Self).ok_or(Refused)
    }

    /// Returns the tag of `data` with a key that is used only once.
    fn tag(&mut self, key: &[u8; KEY_SIZE], data: &[u8]) -> Result<Tag, Refused> {
        let context = self.0.as_ptr();
        let (mut tag, mut written) = ([0; TAG_SIZE], 0);
        // SAFETY: the context is alive, and OpenSSL reads and writes no more than the lengths that it gets.
        let done = unsafe {
            evp::EVP_MAC_init(context, key.as_ptr(), key.len(), ptr::null()) == 1
                && evp::EVP_MAC_update(context, data.as_ptr(), data.len()) == 1
                && evp::EVP_MAC_final(context, tag.as_mut_ptr(), &raw mut written, tag.len()) == 1
        };
        if done && written == TAG_SIZE { Ok(tag) } else { Err(Refused) }
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        // SAFETY: the context is ours, and nothing uses it afterwards.
        unsafe { evp::EVP_MAC_CTX_free(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use proptest::prelude::*;
    use ring::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};

    use super::*;

    const LENGTH: usize = 4;

    // The functions as libssh2 calls them.

    fn init(key: &[u8]) -> Result<Keys, c_int> {
        let mut keys = MaybeUninit::uninit();
        // SAFETY: both are valid for their lengths.
        match unsafe { chachapoly_init(keys.as_mut_ptr(), key.as_ptr(), key.len()) } {
            // SAFETY: they are initialised now.
            0 => Ok(unsafe { keys.assume_init() }),
            code => Err(code),
        }
    }

    /// Encrypts or decrypts in place. The last bytes of `packet` are the tag.
    fn crypt(keys: &Keys, sequence: u64, packet: &mut [u8], length: usize, encrypt: bool) -> c_int {
        let content = packet.len() - length - TAG_SIZE;
        let packet = packet.as_mut_ptr();
        // SAFETY: the packet has this length, with the tag.
        unsafe { chachapoly_crypt(keys, sequence, packet, packet, content, length, encrypt.into()) }
    }

    fn encrypted(keys: &Keys, sequence: u64, plain: &[u8], length: usize) -> Vec<u8> {
        let mut packet = [plain, &[0; TAG_SIZE]].concat();
        assert_eq!(crypt(keys, sequence, &mut packet, length, true), 0);
        packet
    }

    fn decrypted(keys: &Keys, sequence: u64, packet: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let is_right = crypt(keys, sequence, &mut packet, length, false) == 0;
        is_right.then(|| packet[..packet.len() - TAG_SIZE].to_vec())
    }

    fn length_of(keys: &Keys, sequence: u64, packet: &[u8]) -> Option<u32> {
        let mut length = 0;
        // SAFETY: the packet has this length.
        let code = unsafe { chachapoly_get_length(keys, &raw mut length, sequence, packet.as_ptr(), packet.len()) };
        (code == 0).then_some(length)
    }

    fn from_hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// Returns bytes that differ from one another.
    fn noise(count: usize) -> Vec<u8> {
        (0..count).map(|index| (index * 7 + index / 251) as u8).collect()
    }

    #[test]
    fn the_key_stream_is_that_of_rfc_8439() {
        // Appendix A.1, test vectors 1 and 2: the first two blocks for a key and a nonce of zeros.
        let zeros = init(&[0; 64]).unwrap();
        let packet = encrypted(&zeros, 0, &[0; LENGTH + BLOCK_SIZE], LENGTH);
        let (length, rest) = packet.split_at(LENGTH);
        let (content, tag) = rest.split_at(BLOCK_SIZE);
        assert_eq!(length, from_hex("76 b8 e0 ad"));
        let second_block = "9f 07 e7 be 55 51 38 7a 98 ba 97 7c 73 2d 08 0d cb 0f 29 a0 48 e3 65 69 12 c6 53 3e 32 ee 7a ed
                            29 b7 21 76 9c e6 4e 43 d5 71 33 b0 74 d8 39 d5 31 ed 1f 28 51 0a fb 45 ac e1 0a 1f 4b 79 4d 6f";
        assert_eq!(content, from_hex(second_block));
        // Computed from the definition of Poly1305 (section 2.5.1) with the beginning of the first block as its key.
        assert_eq!(tag, from_hex("6f a6 56 01 4e 2b 4d e4 ef 53 bc d7 06 e1 09 0d"));
        // Test vector 5: the nonce is 2.
        assert_eq!(length_of(&zeros, 2, &[0; LENGTH]), Some(0xc2c6_4d37));

        // Section 2.4.2, with a nonce that takes all 64 bits of the sequence number.
        let key: Vec<u8> = (0..32).chain([0; 32]).collect();
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                     sunscreen would be it.";
        let packet = encrypted(&init(&key).unwrap(), 0x4a << 32, text, 0);
        let expected = "6e 2e 35 9a 25 68 f9 80 41 ba 07 28 dd 0d 69 81 e9 7e 7a ec 1d 43 60 c2 0a 27 af cc fd 9f ae 0b
                        f9 1b 65 c5 52 47 33 ab 8f 59 3d ab cd 62 b3 57 16 39 d6 24 e6 51 52 ab 8f 53 0c 35 9f 08 61 d8
                        07 ca 0d bf 50 0d 6a 61 56 a3 8e 08 8a 22 b6 5e 52 bc 51 4d 16 cc f8 06 81 8c e9 1a b7 79 37 36
                        5a f9 0b bf 74 a3 5b e6 b4 0b 8e ed f2 78 5e 42 87 4d";
        assert_eq!(packet[..text.len()], from_hex(expected));
    }

    #[test]
    fn the_tag_is_that_of_rfc_8439() {
        // Section 2.5.2.
        let key =
            from_hex("85 d6 be 78 57 55 6d 33 7f 44 52 fe 42 d5 06 a8 01 03 80 8a fb 0d b2 fd 4a bf f6 af 41 49 f5 1b");
        let tag = Mac::new().unwrap().tag(&key.try_into().unwrap(), b"Cryptographic Forum Research Group").unwrap();
        assert_eq!(tag, *from_hex("a8 06 1d c1 30 51 36 c6 c2 2b 8b af 0c 01 27 a9"));
    }

    proptest! {
        #[test]
        fn packets_are_those_of_another_implementation(
            key in prop::array::uniform32(any::<[u8; 2]>()),
            sequence in prop_oneof![any::<u32>(), 0..3_u32, u32::MAX - 2..=u32::MAX],
            size in prop_oneof![0..300_usize, 0..=256 * 1024_usize],
        ) {
            let key: [u8; 64] = key.concat().try_into().unwrap();
            let keys = init(&key).unwrap();
            let plain = noise(LENGTH + size);
            let packet = encrypted(&keys, sequence.into(), &plain, LENGTH);

            let (mut sealed, mut tag) = (plain.clone(), Tag::default());
            SealingKey::new(&key).seal_in_place(sequence, &mut sealed, &mut tag);
            prop_assert!(packet == [&sealed[..], &tag].concat());

            prop_assert_eq!(length_of(&keys, sequence.into(), &packet), Some(0x0007_0e15));
            prop_assert!(decrypted(&keys, sequence.into(), &packet, LENGTH) == Some(plain));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_leaves_the_packet_encrypted() {
        let keys = init(&noise(64)).unwrap();
        for length in [0, LENGTH] {
            let packet = encrypted(&keys, 9, &noise(100), length);
            assert_eq!(decrypted(&keys, 9, &packet, length), Some(noise(100)));
            for bit in 0..packet.len() * 8 {
                let mut wrong = packet.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                let before = wrong.clone();
                assert_ne!(crypt(&keys, 9, &mut wrong, length, false), 0, "bit {bit}");
                assert_eq!(wrong, before, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_packet_at_another_place_in_the_sequence_is_refused() {
        let keys = init(&noise(64)).unwrap();
        let packet = encrypted(&keys, u32::MAX.into(), &noise(100), LENGTH);
        for sequence in [0, u32::MAX - 1] {
            assert_eq!(decrypted(&keys, sequence.into(), &packet, LENGTH), None);
        }
    }

    #[test]
    fn a_private_key_is_content_without_a_length() {
        let key: [u8; 64] = noise(64).try_into().unwrap();
        let keys = init(&key).unwrap();
        let mut packet = encrypted(&keys, 0, &noise(256), 0);
        assert_eq!(decrypted(&keys, 0, &packet, 0), Some(noise(256)));
        let with_length = encrypted(&keys, 0, &[&[0; LENGTH], &noise(256)[..]].concat(), LENGTH);
        assert_eq!(packet[..256], with_length[LENGTH..][..256]);
        // The other implementation takes the first bytes for a length. That makes no difference to the tag.
        let (content, tag) = packet.split_at_mut(256);
        OpeningKey::new(&key).open_in_place(0, content, (&*tag).try_into().unwrap()).unwrap();
    }

    #[test]
    fn a_packet_can_move_to_other_memory() {
        let keys = init(&noise(64)).unwrap();
        let (plain, packet) = (noise(300), encrypted(&keys, 5, &noise(300), LENGTH));
        let (mut sealed, mut opened) = ([0; 300 + TAG_SIZE], [0; 300]);
        // SAFETY: both directions have the content, its length, and the tag where it is expected.
        unsafe {
            assert_eq!(chachapoly_crypt(&keys, 5, sealed.as_mut_ptr(), plain.as_ptr(), 296, LENGTH, 1), 0);
            assert_eq!(chachapoly_crypt(&keys, 5, opened.as_mut_ptr(), sealed.as_ptr(), 296, LENGTH, 0), 0);
        }
        assert_eq!(sealed[..], packet);
        assert_eq!(opened[..], plain);
    }

    #[test]
    fn too_few_bytes_are_refused() {
        assert_eq!(init(&[0; 63]).err(), Some(raw::LIBSSH2_ERROR_INVAL));
        assert_eq!(length_of(&init(&[0; 64]).unwrap(), 0, &[0; 3]), None);
    }
}
