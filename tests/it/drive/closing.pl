sees('sftp> ');
$c->send("version\n");
sees("\nSFTP protocol version 3\r\n");
sees('sftp> ');
$c->send("\cD");
ends();
