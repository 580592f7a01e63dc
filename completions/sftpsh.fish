complete -c sftpsh -s B -d 'Bytes that one request reads or writes; the server\'s limit unless given' -r
complete -c sftpsh -s b -d 'Read commands from FILE, or from stdin if it is -; stop at the first that fails, ask nothing' -r -F
complete -c sftpsh -s c -d 'Encrypt with these ciphers' -r
complete -c sftpsh -s D -d 'Talk to a server program on this machine, without ssh' -r -f -a "(__fish_complete_command)"
complete -c sftpsh -s e -d 'Run these commands and end; a ; or a newline stands between two, and belongs to a name when it is quoted' -r
complete -c sftpsh -s F -d 'Read the ssh configuration from FILE' -r -F
complete -c sftpsh -s i -d 'Authenticate with the key in FILE' -r -F
complete -c sftpsh -s J -d 'Connect through these hosts' -r
complete -c sftpsh -s l -d 'Transfer no more than so many kilobits each second' -r
complete -c sftpsh -l limit -d 'Transfer no more than so many bytes each second, all transfers together: 500K, 5M' -r
complete -c sftpsh -s o -d 'Set an option of ssh_config(5), as Keyword=value' -r
complete -c sftpsh -s P -d 'Connect to this port' -r
complete -c sftpsh -s R -d 'Keep so many requests in flight; found by measuring unless given' -r
complete -c sftpsh -s S -d 'Connect by running PROGRAM as ssh' -r -f -a "(__fish_complete_command)"
complete -c sftpsh -s s -d 'Ask for this subsystem, or with a slash in it run this program on the server' -r
complete -c sftpsh -s X -d 'Set buffer=SIZE as -B, or nrequests=COUNT as -R' -r
complete -c sftpsh -s j -d 'Move files over so many connections at once; each is logged in for itself, and nothing is asked twice' -r
complete -c sftpsh -l password-file -d 'Answer for a password with the first line of FILE, which nobody else may read' -r -F
complete -c sftpsh -l progress -d 'Show the progress of transfers' -r -f -a "auto\t'Moving bars on a terminal, nothing elsewhere'
plain\t'Lines without control codes'
json\t'JSON objects, one on a line, in place of all other lines on stdout'
none\t'Nothing'"
complete -c sftpsh -l retry -d 'Try so often to connect again when the connection breaks, and go on where it broke; 3 at a prompt, else 0' -r
complete -c sftpsh -l timeout -d 'Give a server up that says nothing for so long while an answer is due; 300 unless given, and 0 waits for ever' -r
complete -c sftpsh -s 4 -d 'Connect over IPv4 only'
complete -c sftpsh -s 6 -d 'Connect over IPv6 only'
complete -c sftpsh -s A -d 'Let ssh forward the agent; only a program named by -S does'
complete -c sftpsh -s a -d 'Resume interrupted transfers instead of starting over'
complete -c sftpsh -s C -d 'Compress what goes over the wire'
complete -c sftpsh -s f -d 'Force each file to the disk when it is transferred'
complete -c sftpsh -s N -d 'Say what is done even under -b or -q'
complete -c sftpsh -s p -d 'Preserve times and modes'
complete -c sftpsh -s q -d 'Say nothing but errors, show no progress'
complete -c sftpsh -s r -d 'Transfer directories with all that is in them'
complete -c sftpsh -s v -d 'Say what happens on the connection; up to three times'
complete -c sftpsh -l keep-going -d 'Go through a whole script whatever fails, and then exit with 1'
complete -c sftpsh -l no-shell-escape -d 'Refuse ! and lls, which run local programs'
complete -c sftpsh -l plain -d 'Read and print plain lines: no line editor, no meter that moves; SFTPSH_PLAIN in the environment does the same'
complete -c sftpsh -l strict -d 'Obey what is piped in as -b - does: stop at the first failure, ask nothing'
complete -c sftpsh -l help -d 'Print this help'
complete -c sftpsh -l version -d 'Print the version, and those of the libraries'
