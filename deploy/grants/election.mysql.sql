-- Rights on the election store, least for each service. Run by the user `prepare`, after every migration, in the store's
-- database (deploy/grants/apply-mysql.sh).

-- Administration: everything about what is voted on, and only looking at what became of the ballots.
GRANT SELECT ON alembic_version TO 'administration'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON jurisdictions TO 'administration'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON participants TO 'administration'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON candidates TO 'administration'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON elections TO 'administration'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON entries TO 'administration'@'%';
GRANT SELECT ON batches TO 'administration'@'%';
GRANT SELECT ON parts TO 'administration'@'%';
GRANT SELECT ON ballots TO 'administration'@'%';
GRANT SELECT ON refused_lines TO 'administration'@'%';
GRANT SELECT ON tallies TO 'administration'@'%';
GRANT SELECT ON dead_letters TO 'administration'@'%';
GRANT SELECT ON partitions TO 'administration'@'%';
GRANT SELECT, INSERT ON journal TO 'administration'@'%';
GRANT SELECT, UPDATE ON journal_head TO 'administration'@'%';

-- Daemon: adds to what was counted and changes none of it. The partitions are its own: their owner, epoch and watermark move on, and
-- another number of them adds or removes rows.
GRANT SELECT ON alembic_version TO 'daemon'@'%';
GRANT SELECT ON jurisdictions TO 'daemon'@'%';
GRANT SELECT ON participants TO 'daemon'@'%';
GRANT SELECT ON elections TO 'daemon'@'%';
GRANT SELECT ON entries TO 'daemon'@'%';
GRANT SELECT, INSERT ON batches TO 'daemon'@'%';
GRANT SELECT, INSERT ON parts TO 'daemon'@'%';
GRANT SELECT, INSERT ON ballots TO 'daemon'@'%';
GRANT SELECT, INSERT ON refused_lines TO 'daemon'@'%';
GRANT SELECT, INSERT ON tallies TO 'daemon'@'%';
GRANT SELECT, INSERT ON dead_letters TO 'daemon'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON partitions TO 'daemon'@'%';
GRANT SELECT, INSERT ON journal TO 'daemon'@'%';
GRANT SELECT, UPDATE ON journal_head TO 'daemon'@'%';

-- Results: reads.
GRANT SELECT ON alembic_version TO 'results'@'%';
GRANT SELECT ON jurisdictions TO 'results'@'%';
GRANT SELECT ON participants TO 'results'@'%';
GRANT SELECT ON candidates TO 'results'@'%';
GRANT SELECT ON elections TO 'results'@'%';
GRANT SELECT ON entries TO 'results'@'%';
GRANT SELECT ON batches TO 'results'@'%';
GRANT SELECT ON parts TO 'results'@'%';
GRANT SELECT ON ballots TO 'results'@'%';
GRANT SELECT ON refused_lines TO 'results'@'%';
GRANT SELECT ON tallies TO 'results'@'%';
GRANT SELECT ON dead_letters TO 'results'@'%';
GRANT SELECT ON partitions TO 'results'@'%';
