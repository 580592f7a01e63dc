NEW, PASSWORD, PROMPT, DENIED = r'continue connecting \(yes/no.*\)\?', '(?i)password:', 'sftp>', '(?i)denied'
seen = []
while True:
    i = c.expect([NEW, PASSWORD, PROMPT, DENIED])
    seen.append(i)
    if i == 0:
        c.sendline('yes')
    elif i == 1:
        c.sendline('secret')
    else:
        break
if seen != [0, 1, 2]:
    sys.exit('script: saw %r' % seen)
if '127.0.0.1' not in open(os.path.expanduser('~/.ssh/known_hosts')).read():
    sys.exit('script: the host was not added')
c.sendline('bye')
ends()
