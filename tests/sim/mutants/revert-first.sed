# file: agents/deploy.c
# rule: R9 REVERTING is on disk before the service is touched
/^void deploy_begin_revert(/,/^}/ s/out->persist = true;//
