-- Rights on the election store, least for each user: by column where a table is more than the work needs. Run by the user
-- `prepare`, after every migration, in the store's database (deploy/grants/apply-mysql.sh). Which query needs what is
-- tried by tests/deployment and by the journey in tests/journey/test_least_rights.py.

-- Administration: what is voted on. Of what became of the ballots it reads the sums, who sent which file, and the refused lines; no
-- ballot, and nothing of what a station received. The right to change a jurisdiction is there for the lock on its row.
GRANT SELECT, INSERT ON jurisdictions TO 'administration'@'%';
GRANT UPDATE (name) ON jurisdictions TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON regions TO 'administration'@'%';
GRANT UPDATE (name, `key`, version) ON regions TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON constituencies TO 'administration'@'%';
GRANT UPDATE (region_id, name, seats, `key`, version) ON constituencies TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON polling_centres TO 'administration'@'%';
GRANT UPDATE (constituency_id, municipality, name, address, latitude, longitude, `key`, version) ON polling_centres TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON polling_stations TO 'administration'@'%';
GRANT UPDATE (centre_id, code, registered, contact, status, reason, note, `key`, version) ON polling_stations TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON participants TO 'administration'@'%';
GRANT UPDATE (name, individual, version) ON participants TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON candidates TO 'administration'@'%';
GRANT UPDATE (forename, surname, post, code_name, biography, approval, approval_reason, version) ON candidates TO 'administration'@'%';
-- The place on the list, whether and when it was sent and is public, and who acts for the candidate.
GRANT UPDATE (place, submitted_at, published_at, account_id, invitation_key, invitation_expires_at) ON candidates TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON candidate_publications TO 'administration'@'%';
GRANT UPDATE (forename, surname, post, code_name, biography, large, small, sha256) ON candidate_publications TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON candidate_pictures TO 'administration'@'%';
GRANT UPDATE (large, small, sha256, created_at) ON candidate_pictures TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON elections TO 'administration'@'%';
GRANT UPDATE (title, kind, individual, jurisdiction_id, start, `end`, stage, cancelled_at, cancelled_reason, rules, lots, version, ballot_key, choices_public) ON elections TO 'administration'@'%';
GRANT SELECT, INSERT, DELETE ON entries TO 'administration'@'%';
GRANT SELECT ON batches TO 'administration'@'%';
GRANT SELECT (batch_id, part, election_id, received, counted, duplicate, invalid, outside) ON parts TO 'administration'@'%';
GRANT SELECT (batch_id, line, election_id, guid, poll_number, reason) ON refused_lines TO 'administration'@'%';
GRANT SELECT (election_id, poll_number, votes) ON tallies TO 'administration'@'%';
GRANT SELECT ON dead_letters TO 'administration'@'%';
GRANT SELECT (batch_id, part) ON dismissals TO 'administration'@'%';
GRANT SELECT (watermark) ON partitions TO 'administration'@'%';
-- Electorates are copied within the store and never changed. Votes per constituency are sums over the parts of its stations.
GRANT SELECT, INSERT ON electorates TO 'administration'@'%';
GRANT SELECT, INSERT ON electorate_constituencies TO 'administration'@'%';
GRANT SELECT, INSERT ON electorate_stations TO 'administration'@'%';
GRANT SELECT (`partition`, sequence, received_at) ON parts TO 'administration'@'%';
GRANT SELECT (`partition`, sequence) ON tallies TO 'administration'@'%';
GRANT SELECT, INSERT ON journal TO 'administration'@'%';
GRANT SELECT, UPDATE (sequence, hash) ON journal_head TO 'administration'@'%';

-- Daemon: adds to what was counted and changes none of it. Whether a GUID was there before it may ask, and not for whom; nor does it
-- read back what a station received. The partitions are its own: their owner, epoch and watermark move on, and another number of them
-- adds or removes rows.
GRANT SELECT (id, title, kind, jurisdiction_id, start, `end`, stage, rules, ballot_key, choices_public) ON elections TO 'daemon'@'%';
GRANT SELECT (election_id, poll_number, participant_id) ON entries TO 'daemon'@'%';
GRANT SELECT (id, name) ON participants TO 'daemon'@'%';
GRANT SELECT (id, centre_id, code, registered, status, version) ON polling_stations TO 'daemon'@'%';
GRANT INSERT ON batches TO 'daemon'@'%';
GRANT SELECT (id, election_id, received_at) ON batches TO 'daemon'@'%';
GRANT INSERT ON parts TO 'daemon'@'%';
GRANT SELECT (batch_id, part, `partition`, sequence, election_id, received_at, recorded_at, received, counted, duplicate, invalid, outside) ON parts TO 'daemon'@'%';
GRANT INSERT ON ballots TO 'daemon'@'%';
GRANT SELECT (election_id, guid, source) ON ballots TO 'daemon'@'%';
GRANT SELECT, INSERT ON refused_lines TO 'daemon'@'%';
GRANT INSERT ON tallies TO 'daemon'@'%';
GRANT SELECT (election_id, poll_number, votes) ON tallies TO 'daemon'@'%';
GRANT INSERT ON dead_letters TO 'daemon'@'%';
GRANT SELECT (batch_id, part, received_at, not_before) ON dead_letters TO 'daemon'@'%';
GRANT SELECT (batch_id, part) ON dismissals TO 'daemon'@'%';
GRANT SELECT, INSERT, DELETE ON partitions TO 'daemon'@'%';
GRANT UPDATE (epoch, owner, sequence, watermark) ON partitions TO 'daemon'@'%';
GRANT INSERT, SELECT (id) ON journal TO 'daemon'@'%';
GRANT SELECT, UPDATE (sequence, hash) ON journal_head TO 'daemon'@'%';

-- Results: reads sums, and which ballots were refused; not who sent them.
GRANT SELECT ON participants TO 'results'@'%';
-- Candidates as they were approved, and nothing of what is being changed about them or of who acts for them.
GRANT SELECT (id, participant_id, place) ON candidates TO 'results'@'%';
GRANT SELECT ON candidate_publications TO 'results'@'%';
GRANT SELECT ON elections TO 'results'@'%';
GRANT SELECT ON entries TO 'results'@'%';
GRANT SELECT (id, election_id, received_at) ON batches TO 'results'@'%';
GRANT SELECT (batch_id, part, `partition`, sequence, election_id, counted, duplicate, invalid, outside) ON parts TO 'results'@'%';
GRANT SELECT (batch_id, line, election_id, guid, poll_number, reason) ON refused_lines TO 'results'@'%';
GRANT SELECT ON tallies TO 'results'@'%';
GRANT SELECT (batch_id, part, received_at, not_before) ON dead_letters TO 'results'@'%';
GRANT SELECT (batch_id, part) ON dismissals TO 'results'@'%';
GRANT SELECT (`partition`, epoch, sequence, watermark) ON partitions TO 'results'@'%';
-- Results per place: the geography without whom to call and why a station is closed; of the tally sheets what they declare and why one
-- was changed, not by whom.
GRANT SELECT ON electorates TO 'results'@'%';
GRANT SELECT ON electorate_constituencies TO 'results'@'%';
GRANT SELECT ON electorate_stations TO 'results'@'%';
GRANT SELECT (id, name, version) ON regions TO 'results'@'%';
GRANT SELECT (id, region_id, name, seats, version) ON constituencies TO 'results'@'%';
GRANT SELECT (id, constituency_id, municipality, name, latitude, longitude, version) ON polling_centres TO 'results'@'%';
GRANT SELECT (id, centre_id, code, registered, status, version) ON polling_stations TO 'results'@'%';
GRANT SELECT (station_id) ON batches TO 'results'@'%';
GRANT SELECT (received_at, recorded_at) ON parts TO 'results'@'%';
GRANT SELECT (ballots, buried_at) ON dead_letters TO 'results'@'%';
GRANT SELECT (reason, dismissed_at) ON dismissals TO 'results'@'%';
GRANT SELECT ON tally_sheets TO 'results'@'%';
-- Whether a voter's ballot is there, by the GUID on the receipt; never for whom it is.
GRANT SELECT (election_id, guid) ON ballots TO 'results'@'%';
-- How ballots were cast: a view with the rights of its owner, empty unless an election publishes that and is counted to its end.
GRANT SELECT ON published_choices TO 'results'@'%';
GRANT SELECT (election_id, station_id, `number`, act, at, numbers, chosen, reason) ON sheet_events TO 'results'@'%';

-- Tally sheets: the daemon records what officials have entered, the administration decides about it; neither changes an event or a
-- photograph. The daemon does not read a photograph back. Who explains a difference between the counts is the administration.
GRANT SELECT, INSERT ON tally_sheets TO 'daemon'@'%';
GRANT UPDATE (state, last, standing, changed_at) ON tally_sheets TO 'daemon'@'%';
GRANT SELECT, INSERT ON sheet_events TO 'daemon'@'%';
GRANT INSERT, SELECT (id, election_id, station_id, actor, actor_jmbg) ON sheet_photographs TO 'daemon'@'%';
GRANT SELECT (id, municipality, version) ON polling_centres TO 'daemon'@'%';
GRANT SELECT (election_id) ON electorates TO 'daemon'@'%';
GRANT SELECT (election_id, station_id, registered, status) ON electorate_stations TO 'daemon'@'%';
GRANT SELECT ON tally_sheets TO 'administration'@'%';
GRANT UPDATE (state, last, standing, changed_at) ON tally_sheets TO 'administration'@'%';
GRANT SELECT, INSERT ON sheet_events TO 'administration'@'%';
GRANT SELECT ON sheet_photographs TO 'administration'@'%';
GRANT SELECT, INSERT ON difference_notes TO 'administration'@'%';

-- Operator: dismisses dead letters that hold nothing to be counted (urna queue dismiss), which no service can.
GRANT SELECT (id) ON batches TO 'operator'@'%';
GRANT SELECT (batch_id, part) ON parts TO 'operator'@'%';
GRANT SELECT ON dead_letters TO 'operator'@'%';
GRANT SELECT, INSERT ON dismissals TO 'operator'@'%';
GRANT INSERT, SELECT (id) ON journal TO 'operator'@'%';
GRANT SELECT, UPDATE (sequence, hash) ON journal_head TO 'operator'@'%';

-- Auditor: reads everything in this store, to count again what was received (urna recount) and to check the journal.
GRANT SELECT ON * TO 'auditor'@'%';
