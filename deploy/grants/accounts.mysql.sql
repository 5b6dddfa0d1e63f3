-- Rights of the authentication service's user on the accounts store. Run by the user `prepare`, after every migration, in
-- the store's database (deploy/grants/apply-mysql.sh). Deleting an account is soft, so no user is ever deleted.
GRANT SELECT, INSERT, UPDATE ON users TO 'authentication'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON user_roles TO 'authentication'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON user_stations TO 'authentication'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_sessions TO 'authentication'@'%';
GRANT SELECT, INSERT, DELETE ON attempts TO 'authentication'@'%';
-- Links for forgotten passwords, and mails that wait; who sends these may do nothing else in this store.
GRANT SELECT, INSERT, DELETE ON password_resets TO 'authentication'@'%';
GRANT SELECT, INSERT ON mails TO 'authentication'@'%';
GRANT SELECT, UPDATE (due_at, tries), DELETE ON mails TO 'mailer'@'%';
GRANT SELECT, INSERT, UPDATE ON citizens TO 'authentication'@'%';
GRANT SELECT, INSERT, UPDATE ON voter_elections TO 'authentication'@'%';
GRANT SELECT, INSERT, DELETE ON voter_election_citizens TO 'authentication'@'%';
-- Nothing takes a signature back, or gives a second one.
GRANT SELECT, INSERT ON ballot_signatures TO 'authentication'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON second_factors TO 'authentication'@'%';
-- A code is made, and used up or taken away.
GRANT SELECT, INSERT, DELETE ON recovery_codes TO 'authentication'@'%';
GRANT SELECT, INSERT ON journal TO 'authentication'@'%';
GRANT SELECT, UPDATE (sequence, hash) ON journal_head TO 'authentication'@'%';

-- Backup: reads everything in this store, to put it into an archive (urna backup).
GRANT SELECT ON * TO 'backup'@'%';
