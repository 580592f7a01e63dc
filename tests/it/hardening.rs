//! Checks in the program how its C code was compiled. The flags are in `.cargo/config.toml`.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fs;

use crate::support::program;

/// The stack protector and FORTIFY call these functions of the C library.
#[test]
fn c_is_compiled_with_stack_protector_and_fortify() {
    let program = fs::read(program()).unwrap();
    for function in ["__stack_chk_fail", "__memcpy_chk"] {
        assert!(
            holds(&program, function),
            "the program does not call {function}: CFLAGS lack -fstack-protector-strong or -D_FORTIFY_SOURCE=3"
        );
    }
}

/// Engines and modules are code that OpenSSL would load if its configuration named them.
#[cfg(feature = "vendored-openssl")]
#[test]
fn openssl_loads_no_code_from_the_build_directory() {
    let program = fs::read(program()).unwrap();
    for place in [r#"ENGINESDIR: "/usr/local/lib/engines-3""#, r#"MODULESDIR: "/usr/local/lib/ossl-modules""#] {
        assert!(holds(&program, place), "the program lacks {place}: was GNUMAKEFLAGS set when OpenSSL was built?");
    }
}

fn holds(program: &[u8], text: &str) -> bool {
    program.windows(text.len()).any(|window| window == text.as_bytes())
}
