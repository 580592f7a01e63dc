//! The cipher chacha20-poly1305@openssh.com, which `src/ssh/native/chacha20_poly1305.rs` implements for libssh2.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Entry, Remote, Shell, World, program};

const NAME: &str = "chacha20-poly1305@openssh.com";

/// A constant of ChaCha20 with short keys, which of all code in the program only libssh2's has.
const MARK: &str = "expand 16-byte k";

#[test]
fn the_program_holds_none_of_libssh2s_own_code() {
    assert!(source_of_libssh2("src/chacha.c").contains(MARK), "libssh2 has changed: find another mark of its code");
    let program = fs::read(program()).unwrap();
    assert!(
        !program.windows(MARK.len()).any(|window| window == MARK.as_bytes()),
        "libssh2's own cipher is linked: which of its functions does src/ssh/native/chacha20_poly1305.rs lack?"
    );
}

#[test]
fn libssh2_declares_the_functions_as_we_define_them() {
    let header = source_of_libssh2("src/cipher-chachapoly.h");
    for declaration in [
        "struct chachapoly_ctx { struct chacha_ctx main_ctx, header_ctx; };",
        "int chachapoly_init(struct chachapoly_ctx *ctx, const unsigned char *key, size_t keylen);",
        "int chachapoly_crypt(struct chachapoly_ctx *ctx, libssh2_uint64_t seqnr, unsigned char *dest, \
         const unsigned char *src, size_t len, size_t aadlen, int do_encrypt);",
        "int chachapoly_get_length(struct chachapoly_ctx *ctx, unsigned int *plenp, libssh2_uint64_t seqnr, \
         const unsigned char *cp, size_t len);",
    ] {
        assert!(header.contains(declaration), "cipher-chachapoly.h lacks: {declaration}");
    }
    assert_eq!(header.matches("int chachapoly_").count(), 3, "cipher-chachapoly.h declares other functions, too");
    let state = "struct chacha_ctx { u32 input[16]; };";
    assert!(source_of_libssh2("src/chacha.h").contains(state), "chacha.h lacks: {state}");
}

/// Reads a source file of the libssh2 that was built, with single spaces between its words.
fn source_of_libssh2(file: &str) -> String {
    let cargo = |words: &[&str]| {
        let output = Command::new(env!("CARGO")).current_dir(env!("CARGO_MANIFEST_DIR")).args(words).output().unwrap();
        assert!(output.status.success(), "cargo {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let words = ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let metadata: serde_json::Value = serde_json::from_str(&cargo(&words)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "libssh2-sys").unwrap();
    let source = PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("libssh2").join(file);
    fs::read_to_string(source).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn files_go_both_ways_while_the_keys_change() {
    let changes = |world: &World| {
        let count = world.log().matches("rekey").count();
        (count < 8).then(|| format!("the keys were changed only {count} times"))
    };
    for compression in ["yes", "no"] {
        let remote = Remote::with([Entry::sized("down", 8 << 20)]).sshd_config(format!("Ciphers {NAME}"));
        Shell::on(remote.sshd_config("RekeyLimit 1M").sshd_config("LogLevel DEBUG1"))
            .here([Entry::sized("up", 8 << 20)])
            .with_args([format!("-oCompression={compression}")])
            .as_batch()
            .types("get down")
            .types("put up")
            .succeeds()
            .same("down", "down")
            .same("up", "up")
            .holds(changes);
    }
}
