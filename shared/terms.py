"""The words of the field, as they stand in tokens, databases and answers. Nothing here may ever be renamed."""

from enum import StrEnum


class Role(StrEnum):
    """What an account may be; a token's ``roles`` claim lists these names."""

    ADMINISTRATOR = "administrator"
    OFFICIAL = "official"
    VOTER = "voter"
    CANDIDATE = "candidate"
    CAMPAIGN_DIRECTOR = "campaign_director"
    AUDITOR = "auditor"


class Kind(StrEnum):
    """What an election decides; the kind says whether parties or individuals stand in it."""

    PARLIAMENTARY = "parliamentary"
    PRESIDENTIAL = "presidential"
    MUNICIPAL = "municipal"
    REGIONAL = "regional"
    LOCAL = "local"


class State(StrEnum):
    """Where an election is in its life. All but draft and cancelled follow from the time."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    COUNTING = "counting"
    FINAL = "final"
    CANCELLED = "cancelled"


class Progress(StrEnum):
    """How far the daemon has come with a batch."""

    QUEUED = "queued"
    COUNTING = "counting"
    COUNTED = "counted"


class Approval(StrEnum):
    """What an administrator has said about an account or a candidate."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why a ballot of an accepted upload is not counted; the values are stored with the refused line."""

    DUPLICATE = "duplicate"
    INVALID_POLL_NUMBER = "invalid_poll_number"
    OUTSIDE_ELECTION = "outside_election"
    INVALID_SIGNATURE = "invalid_signature"


class StationStatus(StrEnum):
    """Whether people vote at a polling station."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Disabling(StrEnum):
    """Why a polling station is disabled."""

    MERGED = "merged"
    MOVED = "moved"
    NO_VOTERS = "no_voters"
    UNUSABLE = "unusable"
    UNSAFE = "unsafe"
    OTHER = "other"


class SheetState(StrEnum):
    """Where the tally sheet of a polling station stands."""

    EMPTY = "empty"
    ENTERED_ONCE = "entered_once"
    DIFFERING = "differing"
    WAITING_FOR_REVIEW = "waiting_for_review"
    ACCEPTED = "accepted"
    REOPENED = "reopened"


class SheetAct(StrEnum):
    """What can be done with a tally sheet."""

    ENTRY = "entry"
    RESOLUTION = "resolution"
    ACCEPTANCE = "acceptance"
    REOPENING = "reopening"


class Severity(StrEnum):
    """What a finding about a tally sheet asks for: an error has to be mended, a warning explained."""

    ERROR = "error"
    WARNING = "warning"


class Lacking(StrEnum):
    """What a polling station lacks, so that its counts cannot be held against each other."""

    SHEET = "sheet"
    FILES = "files"
    COUNT = "count"


class Outcome(StrEnum):
    """How something that is in the journal ended."""

    DONE = "done"
    REFUSED = "refused"


class Method(StrEnum):
    """How votes become seats or shares."""

    DHONDT = "dhondt"
    SAINTE_LAGUE = "sainte_lague"


class ThresholdBase(StrEnum):
    """Of what a threshold is a share."""

    VALID_VOTES = "valid_votes"
    BALLOTS_CAST = "ballots_cast"


class Scope(StrEnum):
    """Over what seats are given, or a threshold holds."""

    WHOLE = "whole"
    CONSTITUENCY = "constituency"


class TiePolicy(StrEnum):
    """Which of several lists with the same quotient gets the seat."""

    LOWER_POLL_NUMBER = "lower_poll_number"
    MORE_VOTES = "more_votes"
    FEWER_VOTES = "fewer_votes"
    LOTS = "lots"


class FactorScope(StrEnum):
    """Whose quotients the factor for exempt lists multiplies."""

    ALL_EXEMPT = "all_exempt"
    EXEMPT_BELOW_THRESHOLD = "exempt_below_threshold"


class CitizenStatus(StrEnum):
    """What the citizens' register says about somebody; only who is registered may vote."""

    REGISTERED = "registered"
    DECEASED = "deceased"
    MOVED_AWAY = "moved_away"


class Restriction(StrEnum):
    """Whom an election is for."""

    EVERYONE = "everyone"
    REGION = "region"
    FEDERAL_UNIT = "federal_unit"
    CITIZENS = "citizens"
