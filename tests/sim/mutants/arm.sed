# file: agents/deploy.c
# rule: R3 ARMED is on disk before anything is flipped
/^static void arm(/,/^}/ s/out->persist = true;//
