complete -c sftpsh -s B -d 'Set the size of a read or write request [default: the server\'s limit]' -r
complete -c sftpsh -s b -d 'Read commands from FILE, or from stdin for -; stop at the first failure and never prompt' -r -F
complete -c sftpsh -s c -d 'Use one of these ciphers' -r
complete -c sftpsh -s D -d 'Connect to a server program on this machine, without SSH' -r -f -a "(__fish_complete_command)"
complete -c sftpsh -s e -d 'Run these commands and exit; separate them with ; or a newline, and quote a ; that belongs to a name' -r
complete -c sftpsh -s F -d 'Read the ssh configuration from FILE' -r -F
complete -c sftpsh -s i -d 'Authenticate with the key in FILE' -r -F
complete -c sftpsh -s J -d 'Connect through these jump hosts, separated by commas' -r
complete -c sftpsh -s l -d 'Limit the transfer rate to KBIT kilobits per second' -r
complete -c sftpsh -l limit -d 'Limit all transfers together to RATE bytes per second, such as 500K or 5M' -r
complete -c sftpsh -s o -d 'Set an option of ssh_config(5), written Keyword=value' -r
complete -c sftpsh -s P -d 'Connect to this port' -r
complete -c sftpsh -s R -d 'Keep up to REQUESTS requests in flight [default: measured]' -r
complete -c sftpsh -s S -d 'Connect by running PROGRAM as ssh' -r -f -a "(__fish_complete_command)"
complete -c sftpsh -s s -d 'Request this subsystem, or run this program on the server if the name has a slash' -r
complete -c sftpsh -s X -d 'Set buffer=SIZE (like -B) or nrequests=COUNT (like -R)' -r
complete -c sftpsh -s j -d 'Transfer over COUNT connections in parallel; you are asked for credentials only once' -r
complete -c sftpsh -l channels -d 'Upload to a far server over up to COUNT channels of a connection' -r
complete -c sftpsh -l password-file -d 'Read the password from the first line of FILE, which must be private to you' -r -F
complete -c sftpsh -l progress -d 'Show progress in this form' -r -f -a "auto\t'Bars on a terminal, nothing elsewhere'
plain\t'Lines without control codes'
json\t'One JSON object per line, instead of all other output on stdout'
none\t'Nothing'"
complete -c sftpsh -l color -d 'Use colours; auto means for a person at a terminal, unless NO_COLOR is set or CLICOLOR is 0' -r -f -a "auto\t'For a person at a terminal, unless the environment says no'
always\t'Always, also for programs'
never\t'Never'"
complete -c sftpsh -l config -d 'Read this configuration file, for scripts too [default: at a prompt, ~/.config/sftpsh/config.toml]' -r -F
complete -c sftpsh -l retry -d 'Reconnect up to COUNT times if the connection drops, and resume transfers [default: 3 at a prompt, 0 otherwise]' -r
complete -c sftpsh -l timeout -d 'Give up on a server that leaves a request unanswered for SECONDS; 0 waits forever [default: 300]' -r
complete -c sftpsh -s 4 -d 'Connect over IPv4 only'
complete -c sftpsh -s 6 -d 'Connect over IPv6 only'
complete -c sftpsh -s A -d 'Forward the agent; works only with a program named by -S'
complete -c sftpsh -s a -d 'Resume interrupted transfers instead of starting over'
complete -c sftpsh -s C -d 'Compress all data on the connection'
complete -c sftpsh -s f -d 'Flush each file to disk after its transfer'
complete -c sftpsh -s N -d 'Print status messages even with -b or -q'
complete -c sftpsh -s p -d 'Preserve times and permissions'
complete -c sftpsh -s q -d 'Print errors only, and show no progress'
complete -c sftpsh -s r -d 'Transfer directories recursively'
complete -c sftpsh -s v -d 'Print debugging messages about the connection; repeat up to three times for more'
complete -c sftpsh -l keep-going -d 'Continue a script after failures, and exit with 1 at its end'
complete -c sftpsh -l no-shell-escape -d 'Refuse !, lls and edit, which run local programs; less pages by itself'
complete -c sftpsh -l plain -d 'Use no line editor and no moving meter, as with SFTPSH_PLAIN=1 in the environment'
complete -c sftpsh -l strict -d 'Treat piped input as a batch, like -b -: stop at the first failure and never prompt'
complete -c sftpsh -l help -d 'Print this help'
complete -c sftpsh -l version -d 'Print the version, and the versions of the libraries'
