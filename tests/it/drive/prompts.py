c.expect('sftp> ')
for n in range(20):
    # A line that is longer than the terminal is wide is drawn anew while it is typed; that is no prompt.
    c.sendline('!echo %s; echo answer-%d' % ('x' * (n * 10), n))
    c.expect('sftp> ')
    if '\r\nanswer-%d\r\n' % n not in c.before:
        sys.exit('script: prompt %d came before its answer: %r' % (n, c.before))
# Typed ahead, obeyed in order.
c.send('!echo one\n!echo two\n!echo three\n')
c.expect(r'(?s)one\r\n.*two\r\n.*three\r\nsftp> ')
c.sendline('quit')
ends()
