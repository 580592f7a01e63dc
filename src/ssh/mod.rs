//! From a connected socket to a channel, with ssh2: configuration, host keys, authentication.
