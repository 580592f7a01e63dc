defined $c->expect(20, '-re', 'key fingerprint is:? (SHA256:[A-Za-z0-9+/]+)') or die 'script: no fingerprint';
my ($fingerprint) = $c->matchlist;
sees('(yes/no/[fingerprint])? ');
$c->send("$fingerprint\n");
sees('password: ');
$c->send("secret\n");
sees('sftp> ');
$c->send("bye\n");
ends();
