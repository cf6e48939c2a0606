# file: agents/deploy.c
# rule: R1 a host keeps the highest (epoch, seq) and refuses what is lower
s/int order = compare_pair(command, record);/int order = 1;/
