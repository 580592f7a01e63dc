c.expect('sftp> ')
c.sendline('ls')
c.expect('ls\r*\n|ls\x1b[^\n]*\n')
c.expect('sftp> ')
names = [' '.join(line.split()) for line in c.before.replace('\r', '').split('\n') if line.strip()]
# A terminal without a size has a line for each name.
wanted = ['big', 'notes.txt'] if size[1] == 0 else ['big notes.txt']
if names != wanted:
    sys.exit('script: names are %r' % names)
c.sendline('bye')
ends()
