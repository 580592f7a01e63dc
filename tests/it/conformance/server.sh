#!/bin/sh
# What -D runs for a row: sftp(1) before 9.4 takes no words there.
exec "$ROW_SERVER" -d "$ROW_DIRECTORY" $ROW_WORDS
