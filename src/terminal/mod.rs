//! What a terminal shows and asks: bytes made printable, sizes, times, tables, prompts, output roles.
#![forbid(unsafe_code)]
