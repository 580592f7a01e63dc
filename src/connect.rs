//! From a destination and options to an open SFTP session, over whichever transport.
#![forbid(unsafe_code)]
