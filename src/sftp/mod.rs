//! The SFTP protocol, version 3: packets, attributes, the request multiplexer, extensions.
#![forbid(unsafe_code)]
